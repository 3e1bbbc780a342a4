"""Point values of the metrics that the platform knows, by scikit-learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from modelway.contracts import ProblemType
from modelway.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.evaluation.rows import Rows

NEEDS_SCORES = frozenset({"roc_auc", "log_loss"})
# Metrics that only exist where the holdout has more than one class, and where it has a positive row.
NEEDS_CLASSES = frozenset({"roc_auc", "balanced_accuracy", "f1_macro"})
NEEDS_POSITIVES = frozenset({"precision", "recall", "f1"})


def point_value(problem: ProblemType, metric: str, rows: Rows, subject: str) -> float:
    """The metric on all rows, in its own unit.

    Raises UserError naming the metric and the reason where it does not exist (`why_missing`) or is not finite.
    """
    missing = why_missing(metric, rows)
    if missing:
        raise UserError(
            f"{metric} of the {subject} cannot be computed: {missing}",
            fix="change the holdout or what evaluate() in model.py returns, "
            f"or take {metric} out of evaluation.metrics in model.yaml",
        )
    value = float(_FUNCTIONS[problem](metric, rows))
    if not math.isfinite(value):
        raise UserError(f"{metric} of the {subject} is {value}", fix="look at the predictions that evaluate() returns")
    return value


def why_missing(metric: str, rows: Rows) -> str:
    """Why `metric` does not exist for these rows; empty if it does."""
    if metric in NEEDS_SCORES and rows.positive is None:
        return "evaluation.json has no scores"
    if metric in NEEDS_CLASSES and len(set(rows.truth.tolist())) < 2:
        return "the holdout has rows of one class only"
    if metric in NEEDS_POSITIVES and not (rows.truth == 1.0).any():
        return "the holdout has no row of the positive class"
    if metric == "precision" and not (rows.predicted == 1.0).any():
        return "no row is predicted to be of the positive class"
    if metric == "r2" and (rows.truth == rows.truth[0]).all():
        return "every row of the holdout has the same target"
    return ""


def _binary(metric: str, rows: Rows) -> Any:
    from sklearn import metrics

    if metric in NEEDS_SCORES:
        by_score: dict[str, Callable[[], Any]] = {
            "roc_auc": lambda: metrics.roc_auc_score(rows.truth, rows.positive),
            "log_loss": lambda: metrics.log_loss(rows.truth, rows.positive, labels=[0.0, 1.0]),
        }
        return by_score[metric]()
    if metric == "accuracy":
        return metrics.accuracy_score(rows.truth, rows.predicted)
    function = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}[metric]
    return function(rows.truth, rows.predicted, pos_label=1.0, zero_division=0)


def _multiclass(metric: str, rows: Rows) -> Any:
    from sklearn import metrics

    if metric == "accuracy":
        return metrics.accuracy_score(rows.truth, rows.predicted)
    if metric == "balanced_accuracy":
        # By recall over the classes of the holdout, so that a prediction of an absent class warns nobody.
        present = sorted(set(rows.truth.tolist()))
        return metrics.recall_score(rows.truth, rows.predicted, labels=present, average="macro", zero_division=0)
    average = metric.removeprefix("f1_")
    return metrics.f1_score(rows.truth, rows.predicted, average=average, zero_division=0)


def _regression(metric: str, rows: Rows) -> Any:
    from sklearn import metrics

    function = {
        "rmse": metrics.root_mean_squared_error,
        "mae": metrics.mean_absolute_error,
        "r2": metrics.r2_score,
    }[metric]
    return function(rows.truth, rows.predicted)


_FUNCTIONS: dict[ProblemType, Callable[[str, Rows], Any]] = {
    ProblemType.BINARY_CLASSIFICATION: _binary,
    ProblemType.MULTICLASS_CLASSIFICATION: _multiclass,
    ProblemType.REGRESSION: _regression,
}
