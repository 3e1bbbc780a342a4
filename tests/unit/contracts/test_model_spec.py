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
    ],
)
def test_a_bad_document_is_refused_with_the_reason(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ModelSpec.model_validate(document(**changes))


def test_the_hash_follows_content_not_spelling() -> None:
    one = ModelSpec.model_validate(document())
    two = ModelSpec.model_validate(dict(reversed(document().items())))
    assert one.content_hash() == two.content_hash()
    assert one.content_hash() != ModelSpec.model_validate(document(description="other")).content_hash()
