"""The Lambda's logic against an Airflow in memory, with the events of tests/events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import PlatformError
from modelway.platform import Platform
from modelway.trigger import ConfInvalid, DagNotAllowed, DagNotFound, EventInvalid, RestError, handle

EVENTS = Path(__file__).parents[1] / "events"
PLATFORM = Platform(
    data_bucket="d",
    artifacts_bucket="a",
    job_role_arn="r",
    endpoint_role_arn="e",
    signing_key_id="k",
    sns_topic_arn="t",
    airflow_url="http://airflow/",
)


def event(name: str, **changed: Any) -> dict[str, Any]:
    return {**json.loads((EVENTS / f"{name}.json").read_text()), **changed}


class Airflow:
    """Runs by path, as Airflow keeps them: a run that exists is refused with 409."""

    def __init__(self, refusal: RestError | None = None) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.paths: list[str] = []
        self.refusal = refusal

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.paths.append(path)
        if self.refusal:
            raise self.refusal
        if path.endswith("/taskInstances"):
            return {"task_instances": [{"task_id": "train_model", "state": "running", "try_number": 1, "pool": "p"}]}
        if method == "POST":
            assert body is not None
            run = f"{path}/{body['dag_run_id']}"
            if run in self.runs:
                raise RestError(409, "it exists")
            self.runs[run] = {"state": "queued", "conf": body["conf"]}
            return self.runs[run]
        if path not in self.runs:
            raise RestError(404, "no such run")
        return self.runs[path]


@pytest.mark.parametrize("name", ["start_training", "start_deployment"])
def test_a_run_is_started_once(name: str) -> None:
    airflow = Airflow()
    first, second = handle(event(name), PLATFORM, airflow), handle(event(name), PLATFORM, airflow)
    assert (first["created"], second["created"]) == (True, False)
    assert first["dag_run_id"] == second["dag_run_id"]
    assert first["url"] == f"http://airflow/dags/{first['dag_id']}/runs/{first['dag_run_id']}"
    assert len(airflow.runs) == 1
    assert max(map(len, airflow.paths)) <= 64


def test_another_pipeline_is_another_run() -> None:
    airflow, again = Airflow(), event("start_training")
    again["conf"]["provenance"]["pipeline_id"] = "8"
    handle(event("start_training"), PLATFORM, airflow)
    assert handle(again, PLATFORM, airflow)["created"]


def test_a_look_up_tells_tasks_and_then_the_record() -> None:
    airflow = Airflow()
    started = handle(event("start_training"), PLATFORM, airflow)
    poll = {"dag_id": "train_evaluate", "dag_run_id": started["dag_run_id"]}
    found = handle(poll, PLATFORM, airflow)
    assert found["record"] == ""
    airflow.runs[f"/dags/train_evaluate/dagRuns/{started['dag_run_id']}"]["state"] = "success"
    found = handle(poll, PLATFORM, airflow)
    assert found["record"].startswith("s3://a/records/fraud-detector/1.0.0-r0/")
    assert found["tasks"] == [{"task_id": "train_model", "state": "running", "try_number": 1}]
    assert max(map(len, airflow.paths)) <= 64


def test_the_record_of_a_deployment() -> None:
    airflow = Airflow()
    started = handle(event("start_deployment"), PLATFORM, airflow)
    airflow.runs[f"/dags/deploy/dagRuns/{started['dag_run_id']}"]["state"] = "success"
    found = handle({"dag_id": "deploy", "dag_run_id": started["dag_run_id"]}, PLATFORM, airflow)
    assert found["record"].startswith("s3://a/records/fraud-detector/deployments/modelway-fraud-detector-1-0-0-r0-")


def test_only_listed_dags_are_started() -> None:
    airflow = Airflow()
    with pytest.raises(DagNotAllowed, match="allowed: deploy, train_evaluate"):
        handle(event("not_allowed"), PLATFORM, airflow)
    with pytest.raises(DagNotAllowed):
        handle(event("look_up_run", dag_id="../variables"), PLATFORM, airflow)
    narrow = PLATFORM.model_copy(update={"allowed_dags": "deploy"})
    with pytest.raises(DagNotAllowed):
        handle(event("start_training"), narrow, airflow)
    wide = PLATFORM.model_copy(update={"allowed_dags": "drop_everything"})
    with pytest.raises(DagNotAllowed, match="no contract"):
        handle(event("not_allowed"), wide, airflow)
    assert airflow.paths == []


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(ConfInvalid, match="surprise"):
        handle(event("unknown_key"), PLATFORM, Airflow())


@pytest.mark.parametrize("conf", [None, [], "{}", 1, {}])
def test_a_conf_that_is_no_request_is_refused(conf: Any) -> None:
    airflow = Airflow()
    with pytest.raises(ConfInvalid, match="conf of train_evaluate: "):
        handle(event("start_training", conf=conf), PLATFORM, airflow)
    assert airflow.paths == []


@pytest.mark.parametrize(
    "malformed",
    [
        {},
        {"dag_id": "deploy"},
        {"dag_id": 1, "conf": {}},
        {"dag_id": "deploy", "conf": {}, "dag_run_id": "x"},
        {"dag_id": "deploy", "conf": {}, "run_id": "x"},
        {"conf": {}},
        {"dag_id": "deploy", "dag_run_id": 1},
        {"dag_id": "deploy", "dag_run_id": ""},
        {"dag_id": "deploy", "dag_run_id": "x/../../../variables"},
        {"dag_id": "deploy", "dag_run_id": "x?y=1"},
        {"dag_id": "deploy", "dag_run_id": ".."},
        {"dag_id": "deploy", "dag_run_id": "x" * 60},
        [],
        "deploy",
        None,
    ],
    ids=repr,
)
def test_a_malformed_event_is_refused(malformed: Any) -> None:
    airflow = Airflow()
    with pytest.raises(EventInvalid):
        handle(malformed, PLATFORM, airflow)
    assert airflow.paths == []


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, DagNotFound), (400, ConfInvalid), (422, ConfInvalid), (401, PlatformError), (403, PlatformError)],
)
def test_what_airflow_refuses_is_told_apart(status: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="said so"):
        handle(event("start_training"), PLATFORM, Airflow(RestError(status, "said so")))


def test_a_run_that_is_not_there() -> None:
    with pytest.raises(DagNotFound):
        handle(event("look_up_run"), PLATFORM, Airflow())
