"""Every request passes botocore's own validator; runs start once."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from modelway.contracts import Decision, DeploymentRequest, EvaluationReport, TrainingRequest, Verdict
from modelway.platform import Platform
from modelway.sagemaker import requests
from modelway.trigger import ConfInvalid, DagNotAllowed, RestError, handle

MODEL = {
    "schema_version": 1,
    "name": "fraud-detector",
    "problem_type": "binary_classification",
    "training": {"channels": {"train": "a/train", "test": "a/test"}, "hyperparameters": {"depth": 3, "deep": True}},
    "evaluation": {"metrics": {"roc_auc": {"threshold": 0.5}}},
    "serving": {"autoscaling": {"max_instances": 2, "invocations_per_instance": 10, "cpu_percent": 50}},
}
IMAGE = {"repository_uri": "127.0.0.1:4566/modelway/fraud-detector", "version": "1.0.0", "digest": "sha256:" + "a" * 64}
WHENCE = {"project_path": "g/p", "commit_sha": "b" * 40, "pipeline_id": "7"}
TRAINING = TrainingRequest.model_validate({"model": MODEL, "image": IMAGE, "provenance": WHENCE})
DEPLOYMENT = DeploymentRequest.model_validate(
    {
        "model": MODEL,
        "model_version": "1.0.0+r0",
        "model_package_arn": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1",
        "model_name": "m",
        "image": IMAGE,
        "request_example": "{}",
        "response_example": "{}",
        "provenance": WHENCE,
    }
)
PLATFORM = Platform(
    data_bucket="d",
    artifacts_bucket="a",
    job_role_arn="arn:aws:iam::123456789012:role/modelway-local-job-{model}",
    endpoint_role_arn="arn:aws:iam::123456789012:role/modelway-local-endpoint-{model}",
    signing_key_id="alias/modelway-local-signing",
    sns_topic_arn="arn:aws:sns:eu-west-1:123456789012:t",
)
REPORT = EvaluationReport(model_name="fraud-detector", model_version="1.0.0+r0", rows=0, metrics=())
DECISION = Decision(verdict=Verdict.FIRST, accepted=True, reasons=())


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateTrainingJob", requests.create_training_job(TRAINING, PLATFORM, "job")),
        ("CreateProcessingJob", requests.create_processing_job(TRAINING, PLATFORM, "j", "champion", "i", "s3://a/m")),
        ("CreateModel", requests.create_model(TRAINING, PLATFORM, "m", "s3://a/m")),
        (
            "CreateModelPackage",
            requests.create_model_package(
                TRAINING, PLATFORM, group="g", model_name="m", model_data="s3://a/m", report=REPORT, decision=DECISION
            ),
        ),
        ("CreateEndpointConfig", requests.create_endpoint_config(DEPLOYMENT, PLATFORM, "c")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_botocore_accepts(operation: str, request_: dict[str, Any]) -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").operation_model(operation).input_shape
    found = ParamValidator().validate(request_, shape)
    assert not found.has_errors(), found.generate_report()


class Airflow:
    """Refuses a run that exists, as Airflow does."""

    def __init__(self) -> None:
        self.runs: set[str] = set()

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        assert len(path) <= 64
        if method == "POST":
            if body["dag_run_id"] in self.runs:
                raise RestError(409, "exists")
            self.runs.add(body["dag_run_id"])
        return {"state": "queued"}


def test_a_repeated_call_answers_with_the_run_that_exists() -> None:
    event, airflow = {"dag_id": "train_evaluate", "conf": TRAINING.model_dump(mode="json")}, Airflow()
    first, second = handle(event, PLATFORM, airflow), handle(event, PLATFORM, airflow)
    assert (first["created"], second["created"]) == (True, False)
    assert first["dag_run_id"] == second["dag_run_id"]
    assert handle({"dag_id": "train_evaluate", "dag_run_id": first["dag_run_id"]}, PLATFORM, airflow)["record"] == ""


def test_what_is_not_allowed_is_refused() -> None:
    with pytest.raises(DagNotAllowed):
        handle({"dag_id": "other", "conf": {}}, PLATFORM, Airflow())
    conf = {**TRAINING.model_dump(mode="json"), "surprise": 1}
    with pytest.raises(ConfInvalid, match="surprise"):
        handle({"dag_id": "train_evaluate", "conf": conf}, PLATFORM, Airflow())
