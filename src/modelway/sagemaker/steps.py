"""The two steps of `train_evaluate` that run on the worker: compare and register."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.exceptions import ClientError

from modelway.aws.channels import platform_store
from modelway.contracts import ContainerEvaluation, TrainingRecord, TrainingRequest
from modelway.errors import UserError
from modelway.evaluation.container_output import read_container_evaluation
from modelway.platform import Platform
from modelway.sagemaker import registry, requests
from modelway.versioning import locations, names


class EvaluationMissing(UserError):
    """Raised when `evaluate` ended well and left no evaluation.json."""


def _evaluation(platform: Platform, request: TrainingRequest, subject: requests.Subject) -> ContainerEvaluation:
    uri = f"{locations.evaluation_output(platform, request, subject)}/evaluation.json"
    text = platform_store(platform).get(uri.split("/", 3)[3])
    if text is None:
        raise EvaluationMissing(f"evaluate of the {subject} wrote no evaluation.json ({uri})")
    return read_container_evaluation(text)


@contextmanager
def _reason_kept(platform: Platform, request: TrainingRequest) -> Iterator[None]:
    """Write what a UserError says to where `failure` finds it, since no job of SageMaker's knows it."""
    try:
        yield
    except UserError as error:
        platform_store(platform).put(locations.training_failure_key(request), str(error))
        raise


def failure(platform: Platform, request: TrainingRequest) -> str:
    """Why a trained model was not compared or not registered; empty when it was, or is not yet."""
    return platform_store(platform).get(locations.training_failure_key(request)) or ""


def keep_model(platform: Platform, request: TrainingRequest, uploaded: str) -> str:
    """Copy a trained model to the platform's records, once; the s3:// address of the copy.

    What is evaluated, approved and served is this copy: where the job uploaded to, another job of the model can write.
    Of two tries at once S3 lets one make it.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    s3, key = boto3.client("s3"), locations.model_key(request)
    for operation in ("CopyObject", "CompleteMultipartUpload"):  # `copy` does one of the two, and takes no IfNoneMatch
        s3.meta.events.register(f"provide-client-params.s3.{operation}", _create_only)  # type: ignore[arg-type]
    bucket, source = uploaded.removeprefix("s3://").split("/", 1)
    kept = s3.list_objects_v2(Bucket=platform.artifacts_bucket, Prefix=key, MaxKeys=1).get("KeyCount")
    if not kept:
        try:
            s3.copy({"Bucket": bucket, "Key": source}, platform.artifacts_bucket, key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 412:
                raise
    return locations.artifact_uri(platform, key)


def _create_only(params: dict[str, Any], **_event: Any) -> dict[str, Any]:
    return {**params, "IfNoneMatch": "*"}


def compare_models(
    conf: dict[str, Any], trained: dict[str, str], champion_version: str | None, not_comparable: str = ""
) -> dict[str, Any]:
    """Compare, write report.html and record.json; the record as JSON. `not_comparable`: why the champion has no scores.

    Raises UserError for a wrong evaluation.json of the candidate; the champion's own makes it not comparable.
    """
    request, platform = TrainingRequest.model_validate(conf), Platform.from_environment()
    with _reason_kept(platform, request):
        return _compare(platform, request, trained, champion_version, not_comparable)


def _compare(
    platform: Platform,
    request: TrainingRequest,
    trained: dict[str, str],
    champion_version: str | None,
    not_comparable: str,
) -> dict[str, Any]:
    from modelway.evaluation import compare
    from modelway.evaluation.report import render_html

    candidate = _evaluation(platform, request, "candidate")
    champion = None
    if champion_version and not not_comparable:
        try:
            champion = _evaluation(platform, request, "champion")
        except UserError as error:
            not_comparable = error.message
    report, decision = compare(
        request.model,
        candidate,
        champion,
        model_version=request.model_version,
        champion_version=champion_version,
        not_comparable=not_comparable,
    )
    key = locations.report_key(request)
    report = report.model_copy(update={"report_s3_uri": locations.artifact_uri(platform, key)})
    platform_store(platform).put(key, render_html(request.model, report, decision, candidate, champion))
    record = TrainingRecord(
        model_name=request.model.name,
        model_version=request.model_version,
        image_digest=request.image.digest,
        training_job_name=trained["job_name"],
        model_data_s3_uri=trained["model_data"],
        evaluation=report,
        decision=decision,
    )
    return _write(platform, request, record)


def register(conf: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Create model and model package (once); the record with both, written and as JSON."""
    request, platform = TrainingRequest.model_validate(conf), Platform.from_environment()
    with _reason_kept(platform, request):
        return _register(platform, request, TrainingRecord.model_validate(found))


def _register(platform: Platform, request: TrainingRequest, record: TrainingRecord) -> dict[str, Any]:
    client = boto3.client("sagemaker")
    name = names.model_name(platform.project, request)
    wanted = requests.create_model(request, platform, name, record.model_data_s3_uri)
    registry.create_once(client.create_model, wanted, client.describe_model, "ModelName")
    package = requests.create_model_package(
        request,
        platform,
        group=names.model_package_group_name(platform.project, request.model.name),
        model_name=name,
        model_data=record.model_data_s3_uri,
        report=record.evaluation,
        decision=record.decision,
    )
    arn = registry.register_package(client, package, requests.model_tags(request, platform))
    update = {"sagemaker_model_name": name, "model_package_arn": arn}
    return _write(platform, request, record.model_copy(update=update))


def _write(platform: Platform, request: TrainingRequest, record: TrainingRecord) -> dict[str, Any]:
    platform_store(platform).put(locations.record_key(request), record.model_dump_json())
    return record.model_dump(mode="json")
