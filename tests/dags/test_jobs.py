"""What becomes of a champion's evaluation that did not end well."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
JOB = {
    "ProcessingJobStatus": "Failed",
    "FailureReason": "AlgorithmError: KeyError, exit code: 1",
    "ExitMessage": "KeyError",
}


class Task:
    """A task instance that keeps what is pushed."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def settled(monkeypatch: pytest.MonkeyPatch, subject: str, job: dict[str, str]) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    from modelway_operators.jobs import EvaluateModelOperator

    client = SimpleNamespace(describe_processing_job=lambda **_: job)
    monkeypatch.setattr(EvaluateModelOperator, "hook", SimpleNamespace(conn=client))
    operator, task = EvaluateModelOperator(task_id="evaluate", subject=subject), Task()
    event = {"name": "job-1", "status": job["ProcessingJobStatus"], "reason": job.get("FailureReason", "")}
    operator.settle({"ti": task}, event)
    return task.pushed


def test_a_champion_that_raises_is_not_comparable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled(monkeypatch, "champion", JOB) == {"not_comparable": "job-1: KeyError"}


def test_one_that_ends_well_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled(monkeypatch, "champion", {"ProcessingJobStatus": "Completed"}) == {}


@pytest.mark.parametrize(
    ("subject", "job"),
    [
        ("candidate", JOB),
        ("champion", {"ProcessingJobStatus": "Failed", "FailureReason": "InternalServerError: no host"}),
    ],
    ids=["the candidate's own", "SageMaker's"],
)
def test_other_failures_fail_the_task(monkeypatch: pytest.MonkeyPatch, subject: str, job: dict[str, str]) -> None:
    with pytest.raises(Exception, match="job-1 Failed"):
        settled(monkeypatch, subject, job)
