"""DAG runs through the Lambda: start one, follow it, say why it failed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from modelway import trigger
from modelway.contracts import Document, TrainingRequest
from modelway.errors import PlatformError, UserError
from modelway.platform import Platform
from modelway.sagemaker import steps
from modelway.sagemaker.registry import job_failure
from modelway.versioning import names

USER_ERRORS = {
    kind.__name__ for kind in (trigger.EventInvalid, trigger.DagNotAllowed, trigger.DagNotFound, trigger.ConfInvalid)
} | {"UserError"}
# Seconds between tries of one call: an Airflow that is overrun answers 5xx for some seconds.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
DONE = {"success", "failed"}
SHOWN = {"running", "success", "failed", "skipped", "upstream_failed", "deferred", "up_for_retry"}
Run = dict[str, Any]


class DagRunFailed(UserError):
    """Raised when a DAG run ended in failure; the message carries the reason and the link."""


def training_failed(platform: Platform, request: TrainingRequest, run: Run) -> DagRunFailed:
    """The error for a `train_evaluate` run that failed, with the job's or the step's own reason."""
    failure = job_failure(boto3.client("sagemaker"), request)
    if failure is None:
        why = steps.failure(platform, request) or "the reason is in the failed task's log"
        return DagRunFailed(f"train_evaluate failed: {why}\n  {run['url']}")
    message = f"train_evaluate failed: {failure.job_name}: {failure.reason}\n  {run['url']}"
    return DagRunFailed(message, fix=f"modelway logs {failure.job_name}")


class Runs:
    """The trigger Lambda of one environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        # A repeated start is harmless (the run's id derives from the request), so retries are on.
        self._lambda: Any = boto3.client("lambda", config=Config(read_timeout=60, retries={"max_attempts": 3}))

    def _call(self, event: dict[str, Any]) -> Run:
        """Invoke, and again after a platform fault: every event is harmless to repeat, a busy Airflow is not news."""
        for pause in PAUSES:
            try:
                return self._invoke(event)
            except PlatformError:
                time.sleep(pause)
        return self._invoke(event)

    def _invoke(self, event: dict[str, Any]) -> Run:
        function = names.trigger_function(self._platform.project, self._platform.environment)
        try:
            answer = self._lambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        except self._lambda.exceptions.ResourceNotFoundException as error:
            raise PlatformError(f"there is no Lambda {function}", fix="modelway up, or apply Terraform") from error
        body: Run = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            kind = UserError if body.get("errorType") in USER_ERRORS else PlatformError
            raise kind(f"{function}: {body.get('errorMessage', body)}")
        return body

    def start(self, dag_id: str, conf: Document) -> Run:
        """Start the run of this conf, or adopt the one that exists."""
        return self._call({"dag_id": dag_id, "conf": conf.model_dump(mode="json")})

    def status(self, run: Run) -> Run:
        """State of a run and its tasks."""
        return self._call({"dag_id": run["dag_id"], "dag_run_id": run["dag_run_id"]})

    def wait(self, run: Run, on_task: Callable[[str, str], None], *, seconds: float = 12 * 3600) -> Run:
        """Follow a run to its end, telling each task's changes of state. Raises DagRunFailed, PlatformError."""
        seen: dict[str, str] = {}
        deadline = time.monotonic() + seconds
        poll = max(0.3, min(self._platform.poll_seconds, 10.0))
        while True:
            found = self.status(run)
            for task in found["tasks"]:
                state = task["state"] or ""
                if state in SHOWN and seen.get(task["task_id"]) != state:
                    seen[task["task_id"]] = state
                    on_task(task["task_id"], state)
            if found["state"] in DONE:
                return found
            if time.monotonic() > deadline:
                raise PlatformError(f"{run['dag_id']} did not end within {seconds:.0f} s: {run['url']}")
            time.sleep(poll)
