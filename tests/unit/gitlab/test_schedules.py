"""Which models a schedule retrains: the newest version's own model.yaml decides."""

from __future__ import annotations

from modelway.contracts import Image, ModelSpec, Provenance, TrainingRequest
from modelway.gitlab.schedules import due, latest_requests, retrain_all


class FakeStore:
    def __init__(self, objects: dict[str, str]) -> None:
        self.objects = objects

    def keys(self, prefix: str) -> list[str]:
        return [key for key in self.objects if key.startswith(prefix)]

    def get(self, key: str) -> str | None:
        return self.objects.get(key)


def request(name: str, schedule: str) -> str:
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
    return TrainingRequest(model=spec, image=image, provenance=came).model_dump_json()


def test_the_newest_version_is_found_by_number_not_by_spelling() -> None:
    keys = ["churn/1.9.0-r2/x/request.json", "churn/1.10.0-r0/y/request.json", "churn/1.9.0-r10/z/request.json"]
    assert latest_requests([*keys, "churn/deployments/a.json"]) == {"churn": "churn/1.10.0-r0/y/request.json"}


def test_only_models_of_the_schedule_are_due_and_a_broken_request_is_named() -> None:
    store = FakeStore(
        {
            "churn/1.0.0-r0/x/request.json": request("churn", "daily"),
            "fraud/1.0.0-r0/x/request.json": request("fraud", "weekly"),
            "old/1.0.0-r0/x/request.json": "{}",
        }
    )
    specs, unreadable = due(store, "daily")
    assert [spec.name for spec in specs] == ["churn"]
    assert unreadable == ["old/1.0.0-r0/x/request.json"]


def test_one_failure_does_not_keep_the_others_from_training() -> None:
    specs = [ModelSpec.model_validate_json(_spec_of(name)) for name in ("churn", "fraud")]
    assert retrain_all(specs, lambda name: int(name == "churn")) == {"churn": 1, "fraud": 0}


def _spec_of(name: str) -> str:
    return TrainingRequest.model_validate_json(request(name, "daily")).model.model_dump_json()
