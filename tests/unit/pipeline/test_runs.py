"""Runs through a Lambda in memory: whose fault an error is, and what is told while waiting."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from modelway.errors import PlatformError, UserError
from modelway.pipeline import runs
from modelway.pipeline.runs import Runs
from tests.unit.sagemaker.test_requests import PLATFORM, TRAINING

RUN = {"dag_id": "train_evaluate", "dag_run_id": "mw-1", "url": "http://run"}


class NotFound(Exception):
    """Lambda's ResourceNotFoundException."""


class Exceptions:
    """The `exceptions` of a client."""

    ResourceNotFoundException = NotFound


class Function:
    """The trigger Lambda: answers one after another, the last one for ever."""

    exceptions = Exceptions

    def __init__(self, *answers: dict[str, Any], failed: bool = False) -> None:
        self.answers, self.failed, self.events = list(answers), failed, list[dict[str, Any]]()

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert FunctionName == "modelway-local-trigger-dag"
        self.events.append(json.loads(Payload))
        if not self.answers:
            raise NotFound
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        found: dict[str, Any] = {"Payload": io.BytesIO(json.dumps(answer).encode())}
        return {**found, "FunctionError": "Unhandled"} if self.failed else found


@pytest.fixture
def lambda_(monkeypatch: pytest.MonkeyPatch) -> Any:
    def use(function: Function) -> Runs:
        monkeypatch.setattr(runs.boto3, "client", lambda *_, **__: function)
        monkeypatch.setattr(runs.time, "sleep", lambda _: None)
        return Runs(PLATFORM)

    return use


def state(run: str, **tasks: str | None) -> dict[str, Any]:
    return {**RUN, "state": run, "tasks": [{"task_id": name, "state": its} for name, its in tasks.items()]}


def test_a_start_passes_the_conf(lambda_: Any) -> None:
    function = Function({**RUN, "created": True})
    assert lambda_(function).start("train_evaluate", TRAINING)["created"]
    assert function.events == [{"dag_id": "train_evaluate", "conf": TRAINING.model_dump(mode="json")}]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("ConfInvalid", UserError),
        ("DagNotAllowed", UserError),
        ("DagNotFound", UserError),
        ("EventInvalid", UserError),
        ("PlatformError", PlatformError),
        ("ImportError", PlatformError),
    ],
)
def test_the_lambda_s_errors_keep_their_side(lambda_: Any, kind: str, error: type[Exception]) -> None:
    function = Function({"errorType": kind, "errorMessage": "because"}, failed=True)
    with pytest.raises(error, match="because"):
        lambda_(function).status(RUN)


def test_a_missing_lambda_is_the_platform_s(lambda_: Any) -> None:
    with pytest.raises(PlatformError, match="modelway up"):
        lambda_(Function()).status(RUN)


def test_waiting_tells_each_change_once(lambda_: Any) -> None:
    told: list[str] = []
    function = Function(
        state("queued", train=None),
        state("running", train="running"),
        state("running", train="running"),
        state("running", train="success", score="scheduled"),
        state("success", train="success", score="skipped"),
    )
    ended = lambda_(function).wait(RUN, lambda task, its: told.append(f"{task} {its}"))
    assert ended["state"] == "success"
    assert told == ["train running", "train success", "score skipped"]


def test_a_failed_run_is_an_end_too(lambda_: Any) -> None:
    assert lambda_(Function(state("failed"))).wait(RUN, print)["state"] == "failed"


def test_waiting_ends(lambda_: Any) -> None:
    with pytest.raises(PlatformError, match="did not end within 0 s: http://run"):
        lambda_(Function(state("running"))).wait(RUN, print, seconds=0)
