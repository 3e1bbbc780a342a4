"""Start a DAG run, or ask how one is: what the Lambda `trigger_dag` does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from modelway.contracts import DeploymentRequest, Document, TrainingRequest
from modelway.errors import PlatformError, UserError
from modelway.platform import Platform
from modelway.versioning import locations, names

CONTRACTS: dict[str, type[Document]] = {"train_evaluate": TrainingRequest, "deploy": DeploymentRequest}
MAXIMUM_PATH = 64
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")


class EventInvalid(UserError):
    """Raised when the event is neither a request to start nor to look up a run."""


class DagNotAllowed(UserError):
    """Raised when the DAG is not on the platform's allow-list."""


class DagNotFound(UserError):
    """Raised when Airflow knows no such DAG or run."""


class ConfInvalid(UserError):
    """Raised when the conf does not fulfil the DAG's contract."""


class RestError(Exception):
    """Raised by an adapter when Airflow's REST API answers 4xx."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


class AirflowRest(Protocol):
    """Airflow's REST API, without the /api/v2. Raises RestError for 4xx and PlatformError otherwise."""

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]: ...


def handle(event: Mapping[str, Any], platform: Platform, airflow: AirflowRest) -> dict[str, Any]:
    """Answer one event: `{dag_id, conf}` starts a run, `{dag_id, dag_run_id}` looks one up."""
    if not isinstance(event, Mapping) or set(event) not in ({"dag_id", "conf"}, {"dag_id", "dag_run_id"}):
        raise EventInvalid("the event is not {dag_id, conf} or {dag_id, dag_run_id}")
    dag_id = event["dag_id"]
    if not isinstance(dag_id, str):
        raise EventInvalid("dag_id is not a string")
    if dag_id not in platform.dags:
        raise DagNotAllowed(f"DAG {dag_id!r} may not be started here; allowed: {', '.join(sorted(platform.dags))}")
    if "conf" in event:
        return start(dag_id, event["conf"], platform, airflow)
    return status(dag_id, event["dag_run_id"], platform, airflow)


def parse_conf(dag_id: str, conf: Any) -> Document:
    """Read a conf with its DAG's contract. Raises ConfInvalid naming every wrong key."""
    contract = CONTRACTS.get(dag_id)
    if contract is None:
        raise DagNotAllowed(f"DAG {dag_id!r} has no contract")
    try:
        return contract.model_validate(conf)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'conf'}: {e['msg']}" for e in error.errors())
        raise ConfInvalid(f"conf of {dag_id}: {wrong}") from error


def start(dag_id: str, conf: Any, platform: Platform, airflow: AirflowRest) -> dict[str, Any]:
    """Start the run that this conf names, or answer with the one that exists."""
    document = parse_conf(dag_id, conf)
    run_id = names.dag_run_id(dag_id, document)
    body = {"dag_run_id": run_id, "logical_date": None, "conf": document.model_dump(mode="json")}
    try:
        run, created = airflow.call("POST", f"/dags/{dag_id}/dagRuns", body), True
    except RestError as error:
        if error.status != 409:
            raise _refusal(error, dag_id) from error
        run, created = _get(_run_path(dag_id, run_id), dag_id, airflow), False
    return {**_summary(run, dag_id, run_id, platform), "created": created}


def status(dag_id: str, run_id: Any, platform: Platform, airflow: AirflowRest) -> dict[str, Any]:
    """State of one run and of its tasks; `record` is the s3:// address that a successful run has written, else ""."""
    path = _run_path(dag_id, run_id)
    run = _get(path, dag_id, airflow)
    answer = {**_summary(run, dag_id, run_id, platform), "tasks": [], "record": _record(dag_id, run, platform)}
    if len(f"{path}/taskInstances") <= MAXIMUM_PATH:
        found = _get(f"{path}/taskInstances", dag_id, airflow).get("task_instances", [])
        answer["tasks"] = [{key: task.get(key) for key in ("task_id", "state", "try_number")} for task in found]
    return answer


def _run_path(dag_id: str, run_id: Any) -> str:
    path = f"/dags/{dag_id}/dagRuns/{run_id}"
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id) or len(path) > MAXIMUM_PATH:
        raise EventInvalid(f"dag_run_id {run_id!r} is not one of ours")
    return path


def _get(path: str, dag_id: str, airflow: AirflowRest) -> dict[str, Any]:
    try:
        return airflow.call("GET", path)
    except RestError as error:
        raise _refusal(error, dag_id) from error


def _refusal(error: RestError, dag_id: str) -> Exception:
    if error.status == 404:
        return DagNotFound(f"Airflow does not know this: {dag_id} ({error.detail})")
    if error.status in (400, 422):
        return ConfInvalid(f"Airflow refused the conf of {dag_id}: {error.detail}")
    return PlatformError(f"Airflow answered {error.status}: {error.detail}")


def _summary(run: Mapping[str, Any], dag_id: str, run_id: str, platform: Platform) -> dict[str, Any]:
    url = f"{platform.airflow_url.rstrip('/')}/dags/{dag_id}/runs/{run_id}" if platform.airflow_url else ""
    return {"dag_id": dag_id, "dag_run_id": run_id, "state": run.get("state"), "url": url}


def _record(dag_id: str, run: Mapping[str, Any], platform: Platform) -> str:
    if run.get("state") != "success":
        return ""
    document = parse_conf(dag_id, run.get("conf"))
    if isinstance(document, TrainingRequest):
        return locations.artifact_uri(platform, locations.record_key(document))
    if isinstance(document, DeploymentRequest):
        config = names.endpoint_config_name(platform.project, document)
        return locations.artifact_uri(platform, locations.deployment_key(document.model.name, config))
    return ""
