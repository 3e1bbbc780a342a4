"""The calibration of benchmarks/calibration.py in small: seeded, so it passes or fails for good."""

from __future__ import annotations

import pytest

from benchmarks.calibration import Cell, blurred, margin_in_units, most_by_chance, verdicts
from modelway.contracts import ProblemType
from modelway.contracts.model_spec import KNOWN_METRICS

PAIRS = 80
CELLS = [
    Cell(ProblemType.BINARY_CLASSIFICATION, 100, 0.05),
    Cell(ProblemType.BINARY_CLASSIFICATION, 100, 0.5),
    Cell(ProblemType.MULTICLASS_CLASSIFICATION, 100, 0.5),
    Cell(ProblemType.REGRESSION, 100, 0.5),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.problem}-{cell.share}")
def test_equal_models_are_rarely_called_better_or_worse(cell: Cell) -> None:
    counts = verdicts(cell, tuple(KNOWN_METRICS[cell.problem]), PAIRS, resamples=99)
    for metric, count in counts.items():
        assert count["better"] <= most_by_chance(PAIRS) * PAIRS, metric
        assert count["worse"] <= most_by_chance(PAIRS) * PAIRS, metric


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_a_guard_seldom_holds_where_the_loss_is_itsmargin_in_units_and_a_large_loss_is_seen(metric: str) -> None:
    problem = ProblemType.REGRESSION
    for loss, how, least, most in ((1, "holds", 0.0, most_by_chance(PAIRS)), (5, "worse", 0.4, 1.0)):
        lossy = blurred(problem, 0.5, metric, loss * margin_in_units(metric))
        assert lossy is not None
        counts = verdicts(Cell(problem, 100, 0.5, lossy.blur), (metric,), PAIRS, resamples=99, seed=1)
        assert least * PAIRS <= counts[metric][how] <= most * PAIRS
