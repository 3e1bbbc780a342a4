"""A model's versions, each with where it came from and where it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from modelway.contracts import TrainingRecord, TrainingRequest
from modelway.errors import UserError

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

    def training_request(self, package: dict[str, Any]) -> TrainingRequest:
        """Raises UserError when it is gone."""
        ...

    def training_record(self, request: TrainingRequest) -> TrainingRecord | None: ...


def history(
    packages: Iterable[dict[str, Any]], documents: Documents, live_model: str, endpoint: str
) -> Iterator[Origin]:
    """One Origin a package, in the packages' order; `live_model` is the SageMaker model that `endpoint` serves."""
    for package in packages:
        metadata = package.get("CustomerMetadataProperties", {})
        model = metadata.get("sagemaker_model", "")
        yield Origin(
            model_version=metadata.get("model_version", ""),
            **_came_from(package, documents),
            model=model,
            model_package=package["ModelPackageArn"],
            approval=package["ModelApprovalStatus"],
            endpoint=endpoint if model and model == live_model else "",
        )


def _came_from(package: dict[str, Any], documents: Documents) -> dict[str, str]:
    try:
        request = documents.training_request(package)
    except UserError:  # expired, or the package was not made by a training here
        return dict.fromkeys(("commit", "pipeline", "image", "training_job"), "")
    record = documents.training_record(request)
    return {
        "commit": request.provenance.commit_sha,
        "pipeline": request.provenance.pipeline_url or request.provenance.pipeline_id,
        "image": request.image.uri,
        "training_job": record.training_job_name if record else "",
    }


def found(origins: Iterable[Origin], text: str) -> list[Origin]:
    """Those that `text` (a commit, digest, job, model, endpoint or version, or the start of one) leads to."""
    return [origin for origin in origins if any(_names(value, text) for value in origin)]


def _names(value: str, text: str) -> bool:
    return bool(value) and (value.startswith(text) or f"@{text}" in value or f":{text}" in value)
