"""A model's versions, each with where it came from and where it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from modelway.contracts import TrainingRecord, TrainingRequest

Package = Mapping[str, Any]


class Origin(NamedTuple):
    """One model version from commit to endpoint; what does not exist (any more) is empty."""

    model_version: str
    commit: str
    pipeline: str
    image: str
    training_job: str
    model: str
    model_package: str
    approval: str
    endpoint: str


class Documents(Protocol):
    """What trainings left behind; `Releases` is one."""

    def training_request(self, package: dict[str, Any]) -> TrainingRequest: ...
    def training_record(self, request: TrainingRequest) -> TrainingRecord | None: ...


def history(
    packages: Iterable[dict[str, Any]], documents: Documents, live_model: str, endpoint: str
) -> Iterator[Origin]:
    """One Origin a package, in the packages' order; `live_model` is the SageMaker model that `endpoint` serves."""
    for package in packages:
        request = documents.training_request(package)
        record = documents.training_record(request)
        metadata = package["CustomerMetadataProperties"]
        yield Origin(
            model_version=metadata["model_version"],
            commit=request.provenance.commit_sha,
            pipeline=request.provenance.pipeline_url or request.provenance.pipeline_id,
            image=request.image.uri,
            training_job=record.training_job_name if record else "",
            model=metadata["sagemaker_model"],
            model_package=package["ModelPackageArn"],
            approval=package["ModelApprovalStatus"],
            endpoint=endpoint if metadata["sagemaker_model"] == live_model else "",
        )


def found(origins: Iterable[Origin], text: str) -> list[Origin]:
    """Those that `text` (a commit, digest, job, model, endpoint or version, or the start of one) leads to."""
    return [origin for origin in origins if any(_names(value, text) for value in origin)]


def _names(value: str, text: str) -> bool:
    return bool(value) and (value.startswith(text) or f"@{text}" in value or f":{text}" in value)
