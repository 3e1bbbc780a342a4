"""How far candidate - champion could be from what this holdout says, by chance alone.

Two distributions, both from the same rows, and the interval takes the wider end of each:

- A paired bootstrap: rows are drawn with replacement and both models are scored on the same draw.
- A swap test: in each row the two models' outputs change places by a coin's throw. Between two models that are equally
  good that changes nothing, so the differences it gives are those of chance. It is exact, however few the rows.

The bootstrap alone is too sure of itself when few rows tell the models apart; the swap alone is, when one of two
equally precise models answers "positive" far more often than the other.

A metric that counts rows (recall) gets one thing more: what has not been seen on m rows may still happen in 3.8 of
them (about the 97.5 % limit for none seen), so no interval is narrower than that, unless both models give the same
scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelway.contracts import Interval
from modelway.evaluation.rows import Rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

CONFIDENCE = 0.95
SEED = 20_240_229
# The share of resamples on which a metric may not exist. Below the tail of the interval, so that both ends stay finite
# when each of them counts as the worst for that end.
MOST_UNDEFINED = 0.02
# z² at 97.5 %: the rows' worth of differences that nobody has seen yet (the score interval's own correction).
UNSEEN_ROWS = 3.8415
# Rows drawn in all, and in one batch (an array of that many float64): bounds the time and the memory.
_ROWS_IN_ALL = 1_000_000
_ROWS_AT_ONCE = 125_000
_MOST_RESAMPLES, _LEAST_RESAMPLES = 2_000, 200
# Two sums of the same numbers in another order are equal up to this.
_ROUNDING = 1e-12


@dataclass
class Differences:
    """What the resamples say: an interval per metric, or why there is none."""

    intervals: dict[str, Interval] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)


def difference_intervals(
    metrics: Sequence[str], candidate: Rows, champion: Rows, *, same_outputs: bool = False, resamples: int | None = None
) -> Differences:
    """95 % intervals of candidate - champion, the same resamples for all metrics.

    `same_outputs`: every score of the one is the other's; they are one model as far as rows can tell. The seed is
    fixed: the same rows give the same intervals, and with the models in the other's place their mirror image.
    A resample on which a metric does not exist counts as the worst case for each end, and the share of them is part of
    the interval; above MOST_UNDEFINED there is no interval.
    """
    if not metrics:
        return Differences()
    if candidate.count < 2:
        return Differences(without=dict.fromkeys(metrics, "one row of a holdout tells nothing of chance"))
    if same_outputs:
        return Differences({metric: Interval(low=0.0, high=0.0, confidence=CONFIDENCE) for metric in metrics})
    pair = _pair(candidate, champion)
    total = resamples or int(min(_MOST_RESAMPLES, max(_LEAST_RESAMPLES, _ROWS_IN_ALL // candidate.count)))
    drawn, swapped = _resampled(metrics, pair, total)
    differences = Differences()
    for position, metric in enumerate(metrics):
        undefined = max(_share_undefined(drawn[position]), _share_undefined(swapped[position]))
        if undefined > MOST_UNDEFINED:
            differences.without[metric] = (
                f"on {undefined:.0%} of the resamples it does not exist: the holdout has too few rows of a class"
            )
        else:
            difference = float(pair.resampled(lambda mine, _theirs: mine[None, :]).differences(metric)[0])
            low, high = _ends(difference, drawn[position], swapped[position], _unseen(metric, pair))
            differences.intervals[metric] = Interval(
                low=low, high=high, confidence=CONFIDENCE, undefined=round(undefined, 6)
            )
    return differences


@dataclass(frozen=True)
class _Outputs:
    """What one model says of the rows; `places` of its scores in their order, for a metric that asks for that alone."""

    predicted: Values
    positive: Values | None
    places: NDArray[np.int64] | None


# Takes an output of one model and the same of the other, each (n,), and gives it on the resamples: (resamples, n).
_Resample = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class _Pair:
    """Both models' outputs on the same rows."""

    truth: Values
    candidate: _Outputs
    champion: _Outputs

    def resampled(self, resample: _Resample) -> _Pair:
        """Everything on the resamples, each (resamples, n)."""
        candidate, champion = self.candidate, self.champion
        return _Pair(
            resample(self.truth, self.truth),
            _resampled_outputs(candidate, champion, resample),
            _resampled_outputs(champion, candidate, resample),
        )

    def differences(self, metric: str) -> Values:
        """candidate - champion on each resample; NaN where the metric does not exist for both."""
        from modelway.evaluation.resampled import resampled_metric

        function = resampled_metric(metric)
        mine, theirs = (
            function(self.truth, outputs.predicted, outputs.places if metric == "roc_auc" else outputs.positive)
            for outputs in (self.candidate, self.champion)
        )
        return mine - theirs


def _resampled_outputs(own: _Outputs, other: _Outputs, resample: _Resample) -> _Outputs:
    both_score = own.positive is not None and other.positive is not None
    return _Outputs(
        resample(own.predicted, other.predicted),
        resample(own.positive, other.positive) if both_score else None,
        resample(own.places, other.places) if both_score else None,
    )


def _pair(candidate: Rows, champion: Rows) -> _Pair:
    """Classes that occur are numbered from 0 on, the same for both models."""
    import numpy as np
    from scipy.stats import rankdata

    truth, mine, theirs = candidate.truth, candidate.predicted, champion.predicted
    if len(candidate.classes) > 2:
        place = {label: number for number, label in enumerate(dict.fromkeys((*candidate.classes, *champion.classes)))}
        own, other = (np.asarray([place[label] for label in rows.classes]) for rows in (candidate, champion))
        places = np.stack([own[truth.astype(int)], own[mine.astype(int)], other[theirs.astype(int)]])
        truth, mine, theirs = np.unique(places, return_inverse=True)[1].reshape(3, -1).astype(np.float64)
    if candidate.positive is None or champion.positive is None:
        return _Pair(truth, _Outputs(mine, None, None), _Outputs(theirs, None, None))
    scores = (candidate.positive, champion.positive)
    # Ranks within each model first: one may spread its scores wider than the other and order rows as well.
    places = np.unique([rankdata(score) for score in scores], return_inverse=True)[1].reshape(2, -1)
    return _Pair(truth, _Outputs(mine, scores[0], places[0]), _Outputs(theirs, scores[1], places[1]))


def _resampled(metrics: Sequence[str], pair: _Pair, total: int) -> tuple[Values, Values]:
    """Differences by the bootstrap and by the swap, each (metrics, total)."""
    import numpy as np

    rng, count = np.random.default_rng(SEED), len(pair.truth)
    drawn: list[list[Values]] = []
    swapped: list[list[Values]] = []
    for size in _batches(total, max(1, _ROWS_AT_ONCE // count)):
        rows = rng.integers(0, count, (size, count))
        coins = rng.random((size, count)) < 0.5
        for kept, resampled in ((drawn, pair.resampled(_draw(rows))), (swapped, pair.resampled(_swap(coins)))):
            kept.append([resampled.differences(metric) for metric in metrics])
    return np.concatenate(drawn, axis=1), np.concatenate(swapped, axis=1)


def _batches(total: int, most: int) -> Iterator[int]:
    for start in range(0, total, most):
        yield min(most, total - start)


def _draw(rows: NDArray[np.int64]) -> _Resample:
    return lambda mine, _theirs: mine[rows]


def _swap(coins: NDArray[np.bool_]) -> _Resample:
    import numpy as np

    return lambda mine, theirs: np.where(coins, theirs, mine)


def _share_undefined(differences: Values) -> float:
    import numpy as np

    return float(np.isnan(differences).mean())


def _ends(difference: float, drawn: Values, swapped: Values, unseen: float) -> tuple[float, float]:
    """The interval: the wider end of bootstrap and swap, and on top what no row has shown yet."""
    import numpy as np

    tail = (1 - CONFIDENCE) / 2
    worst, best = np.nan_to_num(drawn, nan=-np.inf), np.nan_to_num(drawn, nan=np.inf)
    below = difference - float(np.quantile(worst, tail))
    above = float(np.quantile(best, 1 - tail)) - difference
    by_chance = _chance(swapped)
    return tuple(  # type: ignore[return-value]
        difference + sign * float(np.hypot(max(reach, by_chance, 0.0), unseen))
        for sign, reach in ((-1, below), (1, above))
    )


def _chance(swapped: Values) -> float:
    """The difference that equal models exceed, either way, on at most 5 % of the swaps, this one counted with them."""
    import numpy as np

    sizes = np.sort(np.nan_to_num(abs(swapped), nan=np.inf))
    place = int(np.ceil(CONFIDENCE * (len(sizes) + 1))) - 1
    return float(sizes[min(place, len(sizes) - 1)]) + _ROUNDING


def _unseen(metric: str, pair: _Pair) -> float:
    """The part of the metric that UNSEEN_ROWS rows are worth, where it counts rows; else 0."""
    counts = _UNSEEN.get(metric)
    return UNSEEN_ROWS * counts(pair) if counts else 0.0


def _of_positives(pair: _Pair) -> float:
    return 1 / float((pair.truth == 1.0).sum())


def _of_guesses(pair: _Pair) -> float:
    return 1 / float(min((outputs.predicted == 1.0).sum() for outputs in (pair.candidate, pair.champion)))


def _of_f1(pair: _Pair) -> float:
    guesses = min((outputs.predicted == 1.0).sum() for outputs in (pair.candidate, pair.champion))
    return 2 / float(guesses + (pair.truth == 1.0).sum())


def _of_classes(pair: _Pair) -> float:
    """A row of the smallest class, in a mean over the classes."""
    import numpy as np

    sizes = np.unique(pair.truth, return_counts=True)[1]
    return 1 / float(len(sizes) * sizes.min())


def _of_rows(pair: _Pair) -> float:
    return 1 / len(pair.truth)


def _of_auc(pair: _Pair) -> float:
    """Of scores that leave nothing to resample (both models part the classes wholly), all is unseen."""
    import numpy as np

    parted = all(
        outputs.places is not None and outputs.places[pair.truth == 1.0].min() > outputs.places[pair.truth == 0.0].max()
        for outputs in (pair.candidate, pair.champion)
    )
    return 1 / float(np.unique(pair.truth, return_counts=True)[1].min()) if parted else 0.0


# What one row is worth in a metric that counts rows.
_UNSEEN: dict[str, Callable[[_Pair], float]] = {
    "accuracy": _of_rows,
    "precision": _of_guesses,
    "recall": _of_positives,
    "f1": _of_f1,
    "roc_auc": _of_auc,
    "balanced_accuracy": _of_classes,
    "f1_macro": _of_classes,
    "f1_weighted": _of_rows,
}
