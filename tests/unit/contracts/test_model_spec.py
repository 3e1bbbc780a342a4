from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from modelway.contracts import Direction, ModelSpec


def document(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "schema_version": 1,
        "name": "fraud-detector",
        "problem_type": "binary_classification",
        "training": {"channels": {"train": "fraud/train/", "test": "fraud/test/"}},
        "evaluation": {"metrics": {"roc_auc": {"threshold": 0.9}}},
    }
    return base | changes


def test_defaults_are_filled_and_the_first_metric_is_primary() -> None:
    spec = ModelSpec.model_validate(document())
    assert spec.primary_metric == "roc_auc"
    assert spec.direction_of("roc_auc") is Direction.HIGHER
    assert spec.training.max_runtime_seconds == 3600


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"nmae": "x"}, "Extra inputs are not permitted", id="unknown key"),
        pytest.param({"name": "all"}, "reserved name", id="reserved name"),
        pytest.param({"name": "a" * 33}, "at most 32 characters", id="name too long"),
        pytest.param({"name": "Fraud"}, "match pattern", id="upper case"),
        pytest.param({"source": "../other"}, "inside the model's folder", id="path out of the repo"),
        pytest.param({"evaluation": {"metrics": {"rmse": {}}}}, "not computed for binary_classification", id="metric"),
        pytest.param(
            {"evaluation": {"channel": "hold", "metrics": {"f1": {}}}}, "not one of training.channels", id="channel"
        ),
        pytest.param(
            {"problem_type": "custom", "evaluation": {"metrics": {"ndcg": {}}}}, "needs its direction", id="custom"
        ),
        pytest.param({"evaluation": {"metrics": {"f1": {"threshold": float("nan")}}}}, "finite number", id="NaN"),
        pytest.param({"evaluation": {"metrics": {"f1": {"margin": -0.1}}}}, "greater than or equal to 0", id="margin"),
        pytest.param({"evaluation": {"metrics": {"f1": {"role": "guard"}}}}, "must be a success metric", id="role"),
        pytest.param(
            {"problem_type": "regression", "evaluation": {"metrics": {"r2": {}}, "positive_class": 1}},
            "only a binary_classification",
            id="positive class",
        ),
    ],
)
def test_a_bad_document_is_refused_with_the_reason(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ModelSpec.model_validate(document(**changes))


@pytest.mark.parametrize(
    ("problem", "metric", "rule", "margin"),
    [
        ("binary_classification", "recall", {}, 0.02),
        ("binary_classification", "log_loss", {}, 0.02),  # 5 % of 0.4
        ("regression", "rmse", {}, 0.02),
        ("regression", "r2", {}, 0.02),
        ("binary_classification", "recall", {"min_change": 0.03}, 0.03),
        ("binary_classification", "recall", {"min_change": 0.03, "margin": 0.0}, 0.0),
        ("custom", "cost", {"direction": "lower_is_better"}, 0.0),
    ],
)
def test_a_margin_has_a_default_in_the_metrics_own_unit(
    problem: str, metric: str, rule: dict[str, Any], margin: float
) -> None:
    spec = ModelSpec.model_validate(document(problem_type=problem, evaluation={"metrics": {metric: rule}}))
    assert spec.margin_of(metric, 0.4) == pytest.approx(margin)


def test_the_first_metric_is_to_gain_and_the_others_are_guards() -> None:
    metrics = {"roc_auc": {}, "recall": {}, "f1": {"role": "success"}}
    spec = ModelSpec.model_validate(document(evaluation={"metrics": metrics}))
    assert [spec.role_of(name).value for name in metrics] == ["success", "guard", "success"]


def test_the_hash_follows_content_not_spelling() -> None:
    one = ModelSpec.model_validate(document())
    two = ModelSpec.model_validate(dict(reversed(document().items())))
    assert one.content_hash() == two.content_hash()
    assert one.content_hash() != ModelSpec.model_validate(document(description="other")).content_hash()
