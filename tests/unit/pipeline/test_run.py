"""A deploy job that is repeated finds its run, and one whose work was undone does it again."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.contracts import DeploymentRecord, DeploymentRequest
from modelway.pipeline import run as module
from modelway.pipeline.run import PipelineRun
from tests.unit.deployment.fake_sagemaker import REQUEST
from tests.unit.sagemaker.test_requests import PLATFORM

RECORD = DeploymentRecord(
    model_name=REQUEST.model.name,
    model_version=REQUEST.model_version,
    image_digest=REQUEST.image.digest,
    endpoint_name="modelway-fraud-detector",
    endpoint_arn="arn",
    endpoint_config_name="new",
    action="updated",
    previous_endpoint_config_name="old",
    verified=True,
)


class Airflow:
    """Runs by the request that started them; each ends at once as `outcome` says."""

    def __init__(self, _: object) -> None:
        self.states: dict[str, str] = {}
        self.outcome = "success"

    def start(self, dag_id: str, conf: DeploymentRequest) -> dict[str, Any]:
        name = conf.content_hash()
        created = name not in self.states
        self.states.setdefault(name, "running" if created else self.outcome)
        return {"dag_id": dag_id, "dag_run_id": name, "url": "u", "state": self.states[name], "created": created}

    def status(self, run: dict[str, Any]) -> dict[str, Any]:
        return {**run, "state": self.states[run["dag_run_id"]], "record": "s3://a/record", "tasks": []}

    def wait(self, run: dict[str, Any], on_task: object) -> dict[str, Any]:
        if self.states[run["dag_run_id"]] == "running":
            self.states[run["dag_run_id"]] = self.outcome
        return self.status(run)


class Known:
    """One package, and an endpoint that a deployment changes and a test may change back."""

    def __init__(self, _: object) -> None:
        self.live = "new"

    def package(self, model: str, version: str | None) -> dict[str, Any]:
        return {"CustomerMetadataProperties": {"model_version": REQUEST.model_version}}

    def approve(self, package: object, by: str) -> None:
        """Nothing."""

    def deployment_request(self, package: object, by: str) -> DeploymentRequest:
        return REQUEST

    def document(self, s3_uri: str) -> dict[str, Any]:
        return RECORD.model_dump(mode="json")

    def serves(self, record: DeploymentRecord) -> bool:
        return self.live == record.endpoint_config_name


class Quiet:
    def begin(self, stage: str) -> None: ...

    def step(self, text: str) -> None: ...

    def end(self, stage: str, seconds: float, outcome: str) -> None: ...


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> PipelineRun:
    monkeypatch.setattr(module, "Runs", Airflow)
    monkeypatch.setattr(module, "Releases", Known)
    monkeypatch.setattr(module, "failure", lambda *_: "the endpoint answered wrongly")
    return PipelineRun(PLATFORM, Quiet())


def runs(pipeline: PipelineRun) -> int:
    return len(pipeline._runs.states)  # type: ignore[attr-defined]


def test_a_repeated_job_finds_the_run_that_it_started(pipeline: PipelineRun) -> None:
    assert pipeline.deploy("m") == pipeline.deploy("m") == RECORD
    assert runs(pipeline) == 1


def test_after_a_rollback_the_same_version_is_deployed_again_and_then_once(pipeline: PipelineRun) -> None:
    pipeline.deploy("m")
    pipeline.releases.live = "old"  # type: ignore[attr-defined]
    pipeline.deploy("m")
    assert runs(pipeline) == 2
    pipeline.releases.live = "new"  # type: ignore[attr-defined]
    pipeline.deploy("m")
    assert runs(pipeline) == 2


def test_a_deployment_that_failed_is_tried_again(pipeline: PipelineRun) -> None:
    pipeline._runs.outcome = "failed"  # type: ignore[attr-defined]
    with pytest.raises(module.DagRunFailed, match="the endpoint answered wrongly"):
        pipeline.deploy("m")
    pipeline._runs.outcome = "success"  # type: ignore[attr-defined]
    assert pipeline.deploy("m") == RECORD
    assert runs(pipeline) == 2


def test_a_run_that_is_under_way_is_followed(pipeline: PipelineRun) -> None:
    pipeline._runs.states[REQUEST.content_hash()] = "running"  # type: ignore[attr-defined]
    assert pipeline.deploy("m") == RECORD
    assert runs(pipeline) == 1
