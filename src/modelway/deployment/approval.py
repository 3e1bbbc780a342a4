"""What was approved, and nothing else: a deployment's content is the model package's, whatever the request says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from modelway.contracts import DeploymentRequest, Document, Image, ModelSpec, TrainingRequest
from modelway.errors import UserError
from modelway.platform import Platform
from modelway.sagemaker import requests
from modelway.sagemaker.registry import describe
from modelway.versioning import locations, names

# Fields of a request that the package does not decide, and why each is harmless.
OF_THE_REQUEST = {
    "schema_version": "the format, of which there is one",
    "requested_by": "written into the record; it decides nothing",
    "reason": "told to people and written into the record; a rollback, too, takes only what is approved",
    "provenance.pipeline_id": "sets one pipeline's run apart from the next one's",
    "again": "sets a run apart from an equal one that was undone",
}
Package = dict[str, Any]


class NotApproved(UserError):
    """Raised when the model package is not approved, or the request is not what was approved."""


class Store(Protocol):
    """The platform's records; `S3Store` is one."""

    def get(self, key: str) -> str | None: ...


class Examples(NamedTuple):
    """What the admission test sent to an image, and its answer."""

    request: str
    response: str


class Approved(NamedTuple):
    """A deployment as its package has it, and who approved that package."""

    request: DeploymentRequest
    approved_by: str


def training_of(package: Package, store: Store, platform: Platform) -> TrainingRequest:
    """The request that a package came from, from the records. Raises NotApproved when it is gone or another."""
    arn, metadata = package["ModelPackageArn"], package.get("CustomerMetadataProperties", {})
    uri = str(metadata.get("request", ""))
    ours = f"s3://{platform.artifacts_bucket}/{locations.RECORDS}/"
    if not uri.startswith(ours):
        raise NotApproved(f"{arn} was not made by a training of this platform")
    text = store.get(uri.split("/", 3)[3])
    if text is None:
        raise NotApproved(f"{arn}: its request {uri} is gone", fix="run the commit again")
    trained = TrainingRequest.model_validate_json(text)
    kept = uri == locations.artifact_uri(platform, locations.request_key(trained))
    if not kept or metadata.get("request_digest") != trained.content_hash(64):
        raise NotApproved(f"{arn}: its request {uri} is not the one that was trained")
    return trained


def examples_of(trained: TrainingRequest, store: Store) -> Examples:
    """What admission kept of an image. Raises NotApproved when it is gone."""
    text = store.get(locations.examples_key(trained.model.name, trained.image.digest))
    if text is None:
        raise NotApproved(f"no admission example is kept for {trained.image.uri}", fix="run the commit again")
    kept = json.loads(text)
    return Examples(kept["request"], kept["response"])


def deployment_request(
    package: Package, trained: TrainingRequest, examples: Examples, *, requested_by: str, pipeline_id: str
) -> DeploymentRequest:
    """The deployment of a package: image and version are the package's own, the rest is of its training."""
    metadata = package["CustomerMetadataProperties"]
    repository_uri, _, digest = _container(package)["Image"].partition("@")
    version = str(metadata["model_version"])
    return DeploymentRequest(
        model=trained.model,
        model_version=version,
        model_package_arn=package["ModelPackageArn"],
        model_name=metadata["sagemaker_model"],
        image=Image(repository_uri=repository_uri, version=version.split("+")[0], digest=digest),
        request_example=examples.request,
        response_example=examples.response,
        requested_by=requested_by,
        provenance=trained.provenance.model_copy(update={"pipeline_id": pipeline_id, "triggered_by": "manual"}),
    )


def approved(client: Any, store: Store, platform: Platform, request: DeploymentRequest) -> Approved:
    """What the package of `request` says that is to be deployed.

    Raises NotApproved when it is not approved, is of another model, or says otherwise than the request in any field,
    which is named; and when the SageMaker model has another image, artifact, role or network than the package.
    """
    package = describe(client.describe_model_package, ModelPackageName=request.model_package_arn)
    if package is None:
        raise NotApproved(f"there is no model package {request.model_package_arn}")
    if package["ModelApprovalStatus"] != "Approved":
        raise NotApproved(
            f"{request.model.name} {request.model_version} is {package['ModelApprovalStatus']}, not Approved",
            fix="approve the model package, then deploy again",
        )
    trained = training_of(package, store, platform)
    group = names.model_package_group_name(platform.project, trained.model.name)
    if package.get("ModelPackageGroupName") != group:
        raise NotApproved(f"{request.model_package_arn} is not in {group}, whose model {trained.model.name} it names")
    wanted = deployment_request(
        package,
        trained,
        examples_of(trained, store),
        requested_by=request.requested_by,
        pipeline_id=request.provenance.pipeline_id,
    ).model_copy(update={"again": request.again, "reason": request.reason})
    _refuse_difference(wanted, request, f"the request is not what {request.model_package_arn} is")
    kept = locations.artifact_uri(platform, locations.model_key(trained))
    content = wanted.image, wanted.model_version, _container(package).get("ModelDataUrl")
    if content != (trained.image, trained.model_version, kept):
        raise NotApproved(f"{request.model_package_arn} has another image, version or artifact than its training")
    _require_model(client, platform, trained, package, wanted.model_name)
    return Approved(wanted, approver(package))


def approver(package: Package) -> str:
    """Who approved: as written down with the approval, else whom SageMaker saw change the package last."""
    kept = package.get("CustomerMetadataProperties", {}).get("approved_by", "")
    return str(kept or package.get("LastModifiedBy", {}).get("IamIdentity", {}).get("Arn", "") or "unknown")


def _refuse_difference(wanted: DeploymentRequest, request: DeploymentRequest, what: str) -> None:
    asked = dict(fields(request))
    differing = [
        f"{name} is {_shown(asked[name])}, the package's is {_shown(value)}"
        for name, value in fields(wanted)
        if asked[name] != value
    ]
    if differing:
        raise NotApproved(f"{what}: {'; '.join(differing)}", fix="deploy by `modelway deploy MODEL --version VERSION`")


def fields(document: Document, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """A document's values by dotted name; the model's spec is one value."""
    for name in type(document).model_fields:
        value = getattr(document, name)
        if isinstance(value, Document) and not isinstance(value, ModelSpec):
            yield from fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _shown(value: Any) -> str:
    text = value.canonical_json() if isinstance(value, Document) else str(value)
    return repr(text if len(text) <= 80 else f"{text[:80]}…")


def _container(package: Package) -> dict[str, Any]:
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1 or "@" not in containers[0].get("Image", ""):
        raise NotApproved(f"{package['ModelPackageArn']} does not name one image by its digest")
    return dict(containers[0])


def _require_model(client: Any, platform: Platform, trained: TrainingRequest, package: Package, name: str) -> None:
    """The SageMaker model of that name serves the package's content, in the role and network of its model."""
    model = describe(client.describe_model, ModelName=name)
    if model is None:
        raise NotApproved(f"model_name: there is no SageMaker model {name}", fix="run the commit again")
    served = _container(package)
    wanted = requests.create_model(trained, platform, name, served["ModelDataUrl"])
    isolated = "EnableNetworkIsolation"
    compared = {
        **{key: (served.get(key), model.get("PrimaryContainer", {}).get(key)) for key in wanted["PrimaryContainer"]},
        "ExecutionRoleArn": (wanted["ExecutionRoleArn"], model.get("ExecutionRoleArn")),
        isolated: (True, model.get(isolated)) if wanted[isolated] else (None, None),
    }
    for key, (expected, live) in compared.items():
        if expected != live:
            raise NotApproved(f"model_name: {key} of {name} is {_shown(live)}, the package's is {_shown(expected)}")
