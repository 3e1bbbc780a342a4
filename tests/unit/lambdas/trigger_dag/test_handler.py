"""The handler only joins environment, adapter and logic."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from modelway.aws import airflow_rest
from modelway.errors import PlatformError
from modelway.platform import Platform
from modelway.trigger import DagNotFound

ROOT = Path(__file__).parents[4]
PLATFORM = Platform(
    data_bucket="d",
    artifacts_bucket="a",
    job_role_arn="r",
    endpoint_role_arn="e",
    signing_key_id="k",
    sns_topic_arn="t",
)
Handler = Callable[[Any, object], dict[str, Any]]


class Mwaa:
    """MWAA that answers with one state or raises."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def invoke_rest_api(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.error:
            raise self.error
        return {"RestApiStatusCode": 200, "RestApiResponse": {"state": "queued"}}


@pytest.fixture
def mwaa(monkeypatch: pytest.MonkeyPatch) -> Mwaa:
    made = Mwaa()
    monkeypatch.setattr(airflow_rest, "mwaa_client", lambda _: made)
    for name, value in PLATFORM.to_environment().items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def handler(mwaa: Mwaa) -> Handler:
    found: Handler = runpy.run_path(str(ROOT / "lambdas" / "trigger_dag" / "handler.py"))["handler"]
    return found


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "tests" / "events" / f"{name}.json").read_text())
    return found


def test_an_event_becomes_one_call(handler: Handler, mwaa: Mwaa) -> None:
    answer = handler(event("start_training"), None)
    (request,) = mwaa.requests
    assert (request["Name"], request["Method"]) == ("modelway-local", "POST")
    assert request["Path"] == "/dags/train_evaluate/dagRuns"
    assert request["Body"]["dag_run_id"] == answer["dag_run_id"]
    json.dumps(answer)


def refused(operation_status: int) -> ClientError:
    response: Any = {
        "Error": {"Code": "RestApiClientException", "Message": ""},
        "RestApiStatusCode": operation_status,
        "RestApiResponse": {"detail": "so"},
    }
    return ClientError(response, "InvokeRestApi")


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (refused(404), DagNotFound),
        (refused(500), PlatformError),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "InvokeRestApi"), PlatformError),
        (EndpointConnectionError(endpoint_url="http://e"), PlatformError),
    ],
    ids=["404", "500", "denied", "away"],
)
def test_faults_are_told_apart(handler: Handler, mwaa: Mwaa, error: Exception, raised: type[Exception]) -> None:
    mwaa.error = error
    with pytest.raises(raised):
        handler(event("look_up_run"), None)
