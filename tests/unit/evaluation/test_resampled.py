"""The quick metrics against scikit-learn's, which are the ones that people see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.contracts import ProblemType
from modelway.contracts.model_spec import KNOWN_METRICS
from modelway.evaluation.metrics import point_value, why_missing
from modelway.evaluation.resampled import resampled_metric
from modelway.evaluation.rows import Rows

CASES = [(problem, metric) for problem, metrics in KNOWN_METRICS.items() for metric in metrics]


def rows_of(problem: ProblemType, seed: int, count: int) -> Rows:
    rng = np.random.default_rng(seed)
    if problem is ProblemType.REGRESSION:
        return Rows(rng.normal(5, 3, count), rng.normal(5, 3, count), None, ())
    size = 2 if problem is ProblemType.BINARY_CLASSIFICATION else 4
    truth, predicted = (rng.integers(0, size, count).astype(float) for _ in range(2))
    positive = rng.integers(0, 11, count) / 10  # with ties, and 0 and 1
    return Rows(truth, predicted, positive if size == 2 else None, tuple(range(size)))


@pytest.mark.parametrize(("problem", "metric"), CASES, ids=[metric for _, metric in CASES])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60))
def test_it_agrees_with_scikit_learn(problem: ProblemType, metric: str, seed: int, count: int) -> None:
    rows = rows_of(problem, seed, count)
    positive = None if rows.positive is None else rows.positive[None, :]
    (value,) = resampled_metric(metric)(rows.truth[None, :], rows.predicted[None, :], positive)
    if why_missing(metric, rows):
        assert np.isnan(value)
        return
    assert value == pytest.approx(point_value(problem, metric, rows, "candidate"), rel=1e-9, abs=1e-9)


def test_a_resample_of_one_class_has_no_auc() -> None:
    ones = np.ones((1, 3))
    assert np.isnan(resampled_metric("roc_auc")(ones, ones, ones)).all()
