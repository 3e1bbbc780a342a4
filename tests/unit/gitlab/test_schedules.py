"""Which models a schedule retrains: the newest version's own model.yaml decides."""

from __future__ import annotations

from typing import Any

from modelway.contracts import Image, ModelSpec, Provenance, TrainingRequest
from modelway.errors import UserError
from modelway.gitlab.schedules import due, retrain_all


class Registry:
    """Packages by model, newest first; a request that is None cannot be read."""

    def __init__(self, **requests: TrainingRequest | None) -> None:
        self._requests = requests

    def newest(self) -> list[dict[str, Any]]:
        return [{"ModelPackageArn": f"arn:{model}/1", "model": model} for model in self._requests]

    def training_request(self, package: dict[str, Any]) -> TrainingRequest:
        found = self._requests[package["model"]]
        if found is None:
            raise UserError("its request is gone")
        return found


def request(name: str, schedule: str) -> TrainingRequest:
    spec = ModelSpec.model_validate(
        {
            "schema_version": 1,
            "name": name,
            "problem_type": "regression",
            "training": {"channels": {"train": "a", "test": "b"}},
            "evaluation": {"metrics": {"rmse": {}}},
            "retrain": {"schedule": schedule},
        }
    )
    image = Image(repository_uri="host/modelway/x", version="1.0.0", digest="sha256:" + "0" * 64)
    came = Provenance(project_path="g/p", commit_sha="a" * 40, pipeline_id="1")
    return TrainingRequest(model=spec, image=image, provenance=came)


def test_only_models_of_the_schedule_are_due_and_one_that_cannot_be_read_is_named() -> None:
    registry = Registry(churn=request("churn", "daily"), fraud=request("fraud", "weekly"), old=None)
    specs, unreadable = due(registry, "daily")
    assert [spec.name for spec in specs] == ["churn"]
    assert unreadable == ["arn:old/1"]


def test_one_failure_does_not_keep_the_others_from_training() -> None:
    specs = [request(name, "daily").model for name in ("churn", "fraud")]
    assert retrain_all(specs, lambda name: int(name == "churn")) == {"churn": 1, "fraud": 0}
