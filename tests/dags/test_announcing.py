"""A run that failed is announced with the reason that can be found, and in any case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from modelway.deployment import steps
from modelway.notifications.message import Message
from modelway.platform import Platform

ROOT = Path(__file__).parents[2]
PLATFORM = Platform(
    data_bucket="d",
    artifacts_bucket="a",
    job_role_arn="r",
    endpoint_role_arn="e",
    signing_key_id="k",
    sns_topic_arn="t",
    airflow_url="http://airflow",
)


class Run(NamedTuple):
    """A DAG run, as the callback's context has it."""

    dag_id: str
    run_id: str
    conf: Any


class NoSageMaker:
    """SageMaker in which nothing was started, or that does not answer."""

    def __init__(self, code: str = "ResourceNotFound") -> None:
        self._code = code

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": self._code, "Message": ""}}, name)

        return call


def conf(event: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "tests" / "events" / f"{event}.json").read_text())["conf"]
    return found


@pytest.fixture
def announcing(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    for name, value in PLATFORM.to_environment().items():
        monkeypatch.setenv(name, value)
    from modelway_operators import announcing as module

    monkeypatch.setattr(module.boto3, "client", lambda _: NoSageMaker())
    monkeypatch.setattr(steps, "platform_store", lambda _: NoTexts())
    return module


class NoTexts:
    """An empty bucket."""

    def get(self, key: str) -> str | None:
        return None


@pytest.fixture
def told(announcing: Any, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    messages: list[Message] = []
    monkeypatch.setattr(announcing, "tell", lambda message, dag_id, run_id: messages.append(message))
    return messages


def test_a_deployment_says_what_became_of_the_endpoint(
    announcing: Any, told: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing.deployment, "failure", lambda platform, request: "another shape (restored old)")
    announcing.announce_failure({"dag_run": Run("deploy", "mw-1", conf("start_deployment")), "reason": "task_failure"})
    assert told[0].body == "another shape (restored old)"
    assert told[0].facts["endpoint"] == "modelway-fraud-detector"


@pytest.mark.parametrize("dag_id", ["deploy", "train_evaluate"])
def test_a_reason_that_cannot_be_found_does_not_silence(
    announcing: Any, told: list[Message], dag_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {"deploy": "start_deployment", "train_evaluate": "start_training"}[dag_id]
    announcing.announce_failure({"dag_run": Run(dag_id, "mw-1", conf(event)), "reason": "task_failure"})
    monkeypatch.setattr(announcing.boto3, "client", lambda _: NoSageMaker("AccessDeniedException"))
    announcing.announce_failure({"dag_run": Run(dag_id, "mw-1", conf(event)), "reason": "task_failure"})
    announcing.announce_failure({"dag_run": Run(dag_id, "mw-1", {"spoiled": 1}), "reason": "task_failure"})
    assert [message.body for message in told] == ["task_failure"] * 3
    assert all(message.links == {"run": f"http://airflow/dags/{dag_id}/runs/mw-1"} for message in told)
