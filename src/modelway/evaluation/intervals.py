"""Paired bootstrap: how far candidate - champion could be from what this holdout says, by chance alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelway.contracts import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelway.evaluation.rows import Rows

    Values = NDArray[np.float64]

CONFIDENCE = 0.95
SEED = 20_240_229
# Rows drawn in all, and in one batch (an array of that many float64): bounds the time and the memory.
_ROWS_IN_ALL = 2_000_000
_ROWS_AT_ONCE = 250_000
_MOST_RESAMPLES, _LEAST_RESAMPLES = 2_000, 200


def difference_intervals(metrics: Sequence[str], candidate: Rows, champion: Rows) -> dict[str, Interval]:
    """95 % percentile intervals of candidate - champion, one a metric, the same resamples for all of them.

    Both are scored on the same resampled rows, so that a hard row is hard for both. The seed is fixed: the same
    rows give the same interval. A resample on which a metric does not exist counts as no difference.
    Fewer than two rows have no interval.
    """
    import numpy as np
    from scipy.stats import bootstrap

    from modelway.evaluation.resampled import resampled_metric

    count = candidate.count
    if count < 2 or not metrics:
        return {}
    functions = [resampled_metric(metric) for metric in metrics]

    def differences(drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        rows = np.moveaxis(drawn, axis, -1)
        mine, theirs = _drawn(candidate, rows), _drawn(champion, rows)
        return np.stack([np.nan_to_num(function(*mine) - function(*theirs)) for function in functions])

    result = bootstrap(
        (np.arange(count),),
        differences,
        n_resamples=int(min(_MOST_RESAMPLES, max(_LEAST_RESAMPLES, _ROWS_IN_ALL // count))),
        batch=max(1, _ROWS_AT_ONCE // count),
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return {
        metric: Interval(low=float(low), high=float(high), confidence=CONFIDENCE)
        for metric, low, high in zip(metrics, result.low, result.high, strict=True)
    }


def _drawn(rows: Rows, drawn: NDArray[np.int64]) -> tuple[Values, Values, Values | None]:
    positive = rows.positive
    return rows.truth[drawn], rows.predicted[drawn], None if positive is None else positive[drawn]
