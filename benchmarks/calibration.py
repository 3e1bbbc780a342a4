"""How often the comparison of two models is wrong, and what it can see: simulated pairs, every metric.

    python benchmarks/calibration.py            # the tables of benchmarks/README.md, about 20 minutes on 2 cores
    python benchmarks/calibration.py --pairs 100 --rows 100

Equal models: the same quality, errors of their own. "better" and "worse" may each be said of 2.5 % of them.
Lossy models: the candidate's true value of the metric is a stated loss below the champion's. "worse" is the power to
see it, "holds" what a guard would let through: with a loss as large as the margin at most 2.5 %.

The rows of a pair are drawn from one population; what the metric truly is comes from a population of 100,000 rows.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from modelway.contracts import Direction, MetricResult, ProblemType
from modelway.contracts.model_spec import (
    DEFAULT_MARGIN,
    DEFAULT_RELATIVE_MARGIN,
    KNOWN_METRICS,
    RELATIVE_METRICS,
)
from modelway.evaluation.decision import standing
from modelway.evaluation.intervals import difference_intervals
from modelway.evaluation.metrics import why_missing
from modelway.evaluation.resampled import resampled_metric
from modelway.evaluation.rows import Rows

Values = NDArray[np.float64]
POPULATION = 100_000
CLASSES = 4
LIMIT = 0.025


@dataclass(frozen=True)
class Cell:
    """One line of a table. `shares`: of positive rows (binary) or of the first class (multiclass); `blurs`: how much of
    the candidate's output is chance, 0 being a model as good as the champion.
    """

    problem: ProblemType
    rows: int
    share: float
    blur: float = 0.0


def pair(cell: Cell, rng: np.random.Generator, rows: int) -> tuple[Rows, Rows]:
    """Candidate and champion on the same rows: a signal that both see, and errors that each makes alone."""
    if cell.problem is ProblemType.REGRESSION:
        truth, shared = rng.normal(10, 3, rows), rng.normal(0, 1, rows)
        both = [Rows(truth, truth + shared + rng.normal(0, scale, rows), None, ()) for scale in (1 + cell.blur, 1)]
        return both[0], both[1]
    size = 2 if cell.problem is ProblemType.BINARY_CLASSIFICATION else CLASSES
    rare = [cell.share, 1 - cell.share] if size == 2 else [cell.share, *[(1 - cell.share) / (size - 1)] * (size - 1)]
    weights = rare[::-1] if size == 2 else rare
    truth = rng.choice(size, size=rows, p=weights)
    shared = rng.normal(0, 1, (rows, size))
    models = []
    for blur in (cell.blur, 0.0):
        signal = 1.2 * np.eye(size)[truth] * (1 - blur)
        logits = signal + 0.7 * shared + 0.7 * rng.normal(0, 1, (rows, size)) + np.log(weights)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        positive = shares[:, 1] if size == 2 else None
        models.append(Rows(truth.astype(float), shares.argmax(axis=1).astype(float), positive, tuple(range(size))))
    return models[0], models[1]


def value(metric: str, rows: Rows) -> float:
    """The metric of one model."""
    positive = None if rows.positive is None else rows.positive[None]
    return float(resampled_metric(metric)(rows.truth[None], rows.predicted[None], positive)[0])


def true_loss(cell: Cell, metric: str) -> float:
    """How much worse the candidate truly is, as a positive number, relative to the champion where its margin is."""
    candidate, champion = pair(cell, np.random.default_rng(7), POPULATION)
    sign = 1 if KNOWN_METRICS[cell.problem][metric] is Direction.HIGHER else -1
    loss = sign * (value(metric, champion) - value(metric, candidate))
    return loss / value(metric, champion) if metric in RELATIVE_METRICS else loss


@cache
def blurred(problem: ProblemType, share: float, metric: str, loss: float) -> Cell | None:
    """The cell whose candidate is truly `loss` worse in `metric`, found by halving; None if no blur loses that much."""
    low, high = 0.0, 1.0 if problem is not ProblemType.REGRESSION else 2.0
    if true_loss(Cell(problem, 0, share, high), metric) < loss:
        return None
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if true_loss(Cell(problem, 0, share, middle), metric) > loss else (middle, high)
    return Cell(problem, 0, share, (low + high) / 2)


def verdicts(
    cell: Cell, metrics: tuple[str, ...], pairs: int, resamples: int, seed: int = 0
) -> dict[str, Counter[str]]:
    """How often each standing is given, by metric, with the default margins and no least change."""
    counts: dict[str, Counter[str]] = {metric: Counter() for metric in metrics}
    for number in range(pairs):
        candidate, champion = pair(cell, np.random.default_rng((seed, cell.rows, number)), cell.rows)
        exist = [m for m in metrics if not (why_missing(m, candidate) or why_missing(m, champion))]
        differences = difference_intervals(exist, candidate, champion, resamples=resamples)
        for metric in metrics:
            if metric not in differences.intervals:
                counts[metric]["not compared"] += 1
                continue
            mine, theirs = value(metric, candidate), value(metric, champion)
            relative = metric in RELATIVE_METRICS
            result = MetricResult(
                name=metric,
                direction=KNOWN_METRICS[cell.problem][metric],
                candidate=mine,
                champion=theirs,
                difference=mine - theirs,
                interval=differences.intervals[metric],
                margin=DEFAULT_RELATIVE_MARGIN * theirs if relative else DEFAULT_MARGIN,
                meets_threshold=True,
            )
            counts[metric][standing(result)] += 1
            if standing(result) == "better":
                counts[metric]["holds"] += 1  # a guard that is better holds too
    return counts


def most_by_chance(pairs: int) -> float:
    """2.5 % and two standard errors of the simulation itself."""
    return LIMIT + 2 * math.sqrt(LIMIT * (1 - LIMIT) / pairs)


def cells(rows: list[int]) -> Iterator[Cell]:
    """Every problem and share of positives with equal models."""
    for problem in (ProblemType.BINARY_CLASSIFICATION, ProblemType.MULTICLASS_CLASSIFICATION):
        yield from (Cell(problem, count, share) for count in rows for share in (0.05, 0.5))
    yield from (Cell(ProblemType.REGRESSION, count, 0.5) for count in rows)


def _equal(task: tuple[Cell, int, int]) -> dict[str, Counter[str]]:
    cell, pairs, resamples = task
    return verdicts(cell, tuple(KNOWN_METRICS[cell.problem]), pairs, resamples)


def _lossy(task: tuple[Cell, str, float, int, int]) -> Counter[str] | None:
    cell, metric, loss, pairs, resamples = task
    worse = blurred(cell.problem, cell.share, metric, loss)
    if worse is None:
        return None
    return verdicts(Cell(cell.problem, cell.rows, cell.share, worse.blur), (metric,), pairs, resamples, seed=1)[metric]


def main(arguments: list[str]) -> int:
    """Print both tables; 1 if any rate is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1000, help="pairs of equal models per line (default 1000)")
    parser.add_argument("--lossy-pairs", type=int, default=300, help="pairs with a loss per line (default 300)")
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 500, 2000], help="rows of the holdout")
    parser.add_argument("--resamples", type=int, default=199, help="resamples per pair (default 199)")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    equal = list(cells(options.rows))
    with ProcessPoolExecutor(options.processes) as pool:
        above = print_equal(pool, equal, options.pairs, options.resamples)
        above += print_lossy(pool, equal, options.lossy_pairs, options.resamples)
    for line in above:
        print(f"above its limit: {line}")
    print(f"\n{len(above)} rates above their limit")
    return 1 if above else 0


def print_equal(pool: ProcessPoolExecutor, equal: list[Cell], pairs: int, resamples: int) -> list[str]:
    """The table of equal models; the rates that are above their limit."""
    most, above = most_by_chance(pairs), []
    print(f"Equal models, {pairs} pairs: 'better' and 'worse' at most {100 * most:.1f} %\n")
    print("| Problem | Metric | Rows | Positive, % | Better, % | Worse, % | Guard holds, % | Not compared, % |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for cell, counts in zip(equal, pool.map(_equal, [(cell, pairs, resamples) for cell in equal]), strict=True):
        for metric, count in counts.items():
            shown = [f"{100 * count[how] / pairs:.1f}" for how in ("better", "worse", "holds", "not compared")]
            print(f"| {_named(cell, metric)} | {' | '.join(shown)} |", flush=True)
            above += [f"{metric} {cell}: {how}" for how in ("better", "worse") if count[how] > most * pairs]
    return above


def print_lossy(pool: ProcessPoolExecutor, equal: list[Cell], pairs: int, resamples: int) -> list[str]:
    """The table of models with a loss of one margin and of five; the rates that are above their limit."""
    most, above = most_by_chance(pairs), []
    lossy = [(cell, metric) for cell in equal for metric in KNOWN_METRICS[cell.problem]]
    at_margin, beyond = (
        pool.map(_lossy, [(cell, metric, times * margin_in_units(metric), pairs, resamples) for cell, metric in lossy])
        for times in (1, 5)
    )
    print(f"\nLossy models, {pairs} pairs: a guard may hold at most {100 * most:.1f} % where the loss is its margin\n")
    print("| Problem | Metric | Rows | Positive, % | Guard holds, loss = margin, % | Worse, loss = 5 margins, % |")
    print("|---|---|---:|---:|---:|---:|")
    for (cell, metric), held, seen in zip(lossy, at_margin, beyond, strict=True):
        rates = [
            "-" if count is None else f"{100 * count[how] / pairs:.1f}"
            for count, how in ((held, "holds"), (seen, "worse"))
        ]
        print(f"| {_named(cell, metric)} | {' | '.join(rates)} |", flush=True)
        if held is not None and held["holds"] > most * pairs:
            above.append(f"{metric} {cell}: a guard holds")
    return above


def _named(cell: Cell, metric: str) -> str:
    positive = "-" if cell.problem is ProblemType.REGRESSION else f"{100 * cell.share:.0f}"
    return f"{cell.problem.split('_')[0]} | `{metric}` | {cell.rows} | {positive}"


def margin_in_units(metric: str) -> float:
    """The default margin: absolute, or a part of the champion's value."""
    return DEFAULT_RELATIVE_MARGIN if metric in RELATIVE_METRICS else DEFAULT_MARGIN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
