"""SageMaker job operators that adopt what already runs: a retry never starts a second job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerProcessingOperator, SageMakerTrainingOperator
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from modelway.aws.channels import platform_store
from modelway.contracts import TrainingRequest
from modelway.platform import Platform
from modelway.sagemaker import registry, requests
from modelway.sagemaker.steps import keep_model
from modelway.versioning import locations, names
from modelway_operators.waiting import ResourceTrigger, describe_resource

QUEUE_SECONDS = 3600


def training_request(context: Any) -> TrainingRequest:
    """The run's conf."""
    return TrainingRequest.model_validate(dict(context["params"]))


def _adopt(operator: Any, kind: str, name_of: Any, start: Any, seconds: int) -> None:
    """Take up the latest attempt, or start the first or next one; then wait for it."""
    client, key = operator.hook.conn, "TrainingJobName" if kind == "training_job" else "ProcessingJobName"
    call = getattr(client, f"describe_{kind}")
    tried = registry.attempts(lambda name: registry.describe(call, **{key: name}), name_of)
    status = "" if not tried else (tried[-1].described or {})[key.replace("Name", "Status")]
    name = tried[-1].name if status in ("InProgress", "Completed", "Stopping") else name_of(len(tried) + 1)
    operator.log.info("%s %s: %s", kind, name, f"adopted, {status}" if tried and name == tried[-1].name else "started")
    if not tried or name != tried[-1].name:
        registry.create_once(getattr(client, f"create_{kind}"), start(name))
    trigger = ResourceTrigger(kind, name, Platform.from_environment().poll_seconds)
    operator.defer(trigger=trigger, method_name="settle", timeout=timedelta(seconds=seconds + QUEUE_SECONDS))


def _completed(operator: Any, kind: str, event: dict[str, Any]) -> dict[str, Any]:
    """The job's description. A job that failed of its own is not tried again."""
    if event["status"] == "Completed":
        return describe_resource(operator.hook.conn, kind, event["name"])
    found = describe_resource(operator.hook.conn, kind, event["name"]) if event["status"] != "Unknown" else {}
    said = found.get("FailureReason") or found.get("ExitMessage") or event["reason"] or "no reason given"
    text = f"{event['name']} {event['status']}: {said}"
    raise (AirflowException if "InternalServerError" in said or not found else AirflowFailException)(text)


class TrainModelOperator(SageMakerTrainingOperator):
    """Train the conf's model and keep a copy that its code cannot change; returns {job_name, model_data}."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(config={}, deferrable=True, **kwargs)

    def execute(self, context: Any) -> Any:
        request, platform = training_request(context), Platform.from_environment()
        platform_store(platform).put(locations.request_key(request), request.model_dump_json())
        _adopt(
            self,
            "training_job",
            lambda attempt: names.training_job_name(request, attempt),
            lambda name: requests.create_training_job(request, platform, name),
            request.model.training.max_runtime_seconds,
        )

    def settle(self, context: Any, event: dict[str, Any]) -> dict[str, str]:
        job = _completed(self, "training_job", event)
        request, platform = training_request(context), Platform.from_environment()
        model_data = keep_model(platform, request, job["ModelArtifacts"]["S3ModelArtifacts"])
        return {"job_name": event["name"], "model_data": model_data}


class EvaluateModelOperator(SageMakerProcessingOperator):
    """Score the candidate, or the live champion, on the candidate's holdout; returns {job_name}.

    A champion that cannot be scored is no fault of the candidate: the reason goes to XCom as `not_comparable`.
    """

    def __init__(self, *, subject: requests.Subject, **kwargs: Any) -> None:
        super().__init__(config={}, deferrable=True, **kwargs)
        self.subject = subject

    def execute(self, context: Any) -> Any:
        request, platform = training_request(context), Platform.from_environment()
        try:
            image, data, version = self._scored(context, request, platform)
        except registry.ChampionGone as error:
            context["ti"].xcom_push(key="model_version", value="unknown")
            context["ti"].xcom_push(key="not_comparable", value=str(error))
            return {"job_name": ""}
        context["ti"].xcom_push(key="model_version", value=version)
        _adopt(
            self,
            "processing_job",
            lambda attempt: names.evaluation_job_name(request, self.subject, attempt),
            lambda name: requests.create_processing_job(request, platform, name, self.subject, image, data),
            request.model.evaluation.max_runtime_seconds,
        )
        return None

    def _scored(self, context: Any, request: TrainingRequest, platform: Platform) -> tuple[str, str, str]:
        if self.subject == "candidate":
            trained = context["ti"].xcom_pull(task_ids="train_model")
            return request.image.uri, trained["model_data"], request.model_version
        endpoint = names.endpoint_name(platform.project, request.model.name)
        champion = registry.live_champion(self.hook.conn, endpoint)
        if champion is None:
            raise AirflowSkipException(f"{endpoint} is not live: there is no champion")
        return champion.image_uri, champion.model_data, champion.model_version

    def settle(self, context: Any, event: dict[str, Any]) -> dict[str, str]:
        if self.subject == "champion" and event["status"] in ("Failed", "Stopped"):
            job = describe_resource(self.hook.conn, "processing_job", event["name"])
            if reason := registry.fault_of_the_model(job):
                context["ti"].xcom_push(key="not_comparable", value=f"{event['name']}: {reason}")
                return {"job_name": event["name"]}
        _completed(self, "processing_job", event)
        return {"job_name": event["name"]}
