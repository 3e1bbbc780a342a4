"""What SageMaker has already: jobs by attempt, the live champion, model packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from modelway.contracts import TrainingRequest
from modelway.errors import PlatformError, UserError
from modelway.versioning import names

MAXIMUM_ATTEMPTS = 20
Described = dict[str, Any]


def missing(error: ClientError) -> bool:
    """Whether SageMaker says that what was described does not exist."""
    text = error.response["Error"].get("Message", "").lower()
    code = error.response["Error"].get("Code", "")
    gone = ("could not find", "not found", "does not exist", "requested resource")
    return code in ("ResourceNotFound", "ResourceNotFoundException") or (
        code == "ValidationException" and any(words in text for words in gone)
    )


def exists(error: ClientError) -> bool:
    """Whether a Create was refused because the name is taken."""
    text = error.response["Error"].get("Message", "").lower()
    return error.response["Error"].get("Code") == "ResourceInUse" or "already exist" in text


def describe(call: Callable[..., Any], **key: str) -> Described | None:
    """The description, or None when there is no such thing."""
    try:
        return dict(call(**key))
    except ClientError as error:
        if missing(error):
            return None
        raise


class NameTaken(PlatformError):
    """Raised when a name that derives from what it names belongs to something else."""


def create_once(
    call: Callable[..., Any], request: Mapping[str, Any], read: Callable[..., Any] | None = None, named_by: str = ""
) -> None:
    """Create; a name that is taken is the same content, since names derive from it.

    With `read` (a Describe call) and `named_by` (the field with the name) what has the name is compared, but for its
    tags. Raises NameTaken when it says otherwise in any field of the request: somebody else made it.
    """
    try:
        call(**request)
    except ClientError as error:
        if not exists(error):
            raise
        if read is None:
            return
        name = request[named_by]
        wrong = _differing({**request, "Tags": None}, read(**{named_by: name}))
        if wrong:
            fix = f"find out who made {name}; delete it if nothing serves it, and deploy again"
            raise NameTaken(f"{name} exists and is not what is asked for: {'; '.join(wrong)}", fix=fix) from error


def _differing(wanted: Any, live: Any, path: str = "") -> list[str]:
    """Where `live` is not as `wanted`; it may have more, such as defaults and times."""
    if wanted is None:
        return []
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return [line for key, value in wanted.items() for line in _differing(value, live.get(key), f"{path}.{key}")]
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        pairs = enumerate(zip(wanted, live, strict=True))
        return [line for place, (one, other) in pairs for line in _differing(one, other, f"{path}[{place}]")]
    return [] if wanted == live else [f"{path.removeprefix('.')} is {live!r}, not {wanted!r}"]


class Attempt(NamedTuple):
    """A job name and what SageMaker knows under it (None: not started)."""

    name: str
    described: Described | None


def attempts(describe_job: Callable[[str], Described | None], name: Callable[[int], str]) -> list[Attempt]:
    """Every attempt that was started, oldest first."""
    found: list[Attempt] = []
    for number in range(1, MAXIMUM_ATTEMPTS + 1):
        described = describe_job(name(number))
        if described is None:
            return found
        found.append(Attempt(name(number), described))
    raise PlatformError(f"{MAXIMUM_ATTEMPTS} attempts of {name(1)} have failed already")


class JobFailure(NamedTuple):
    """A job that failed, and why in its own words."""

    job_name: str
    reason: str


def fault_of_the_model(processing_job: Mapping[str, Any]) -> str:
    """Why a processing job did not complete, if its container or input is to blame and not SageMaker; else nothing.

    AlgorithmError is the container's own exit, ClientError what the job was given: its image, its input, its role.
    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeProcessingJob.html (ExitMessage is
    "passed by the container", FailureReason says why SageMaker calls the job failed).
    """
    if processing_job.get("ProcessingJobStatus") == "Stopped":
        return "it was stopped, by somebody or after evaluation.max_runtime_seconds"
    said = str(processing_job.get("FailureReason", ""))
    if said.startswith(("AlgorithmError", "ClientError")) or (not said and processing_job.get("ExitMessage")):
        return str(processing_job.get("ExitMessage") or said)
    return ""


def job_failure(client: Any, request: TrainingRequest) -> JobFailure | None:
    """The first of a request's jobs whose latest attempt failed or ran too long; None when none did.

    A champion that cannot score the holdout fails no run, so its job is passed over.
    """
    subjects: tuple[names.Subject, ...] = ("candidate", "champion")
    tried = attempts(
        lambda name: describe(client.describe_training_job, TrainingJobName=name),
        lambda number: names.training_job_name(request, number),
    )[-1:]
    for subject in subjects:
        scored = attempts(
            lambda name: describe(client.describe_processing_job, ProcessingJobName=name),
            lambda number, subject=subject: names.evaluation_job_name(request, subject, number),  # type: ignore[misc]
        )[-1:]
        passed_over = subject == "champion" and any(fault_of_the_model(job.described or {}) for job in scored)
        tried += [] if passed_over else scored
    for name, found in tried:
        known = found or {}
        if known.get("SecondaryStatus") == "MaxRuntimeExceeded":
            limit = known.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
            return JobFailure(name, f"stopped: it ran longer than training.max_runtime_seconds ({limit} s)")
        if reason := known.get("FailureReason") or known.get("ExitMessage"):
            return JobFailure(name, str(reason))
    return None


class Champion(NamedTuple):
    """The model that the live endpoint serves."""

    model_name: str
    model_version: str
    image_uri: str
    model_data: str


class ChampionGone(UserError):
    """Raised when an endpoint is live whose config or model somebody deleted."""

    def __init__(self, endpoint: str, kind: str, name: str) -> None:
        super().__init__(
            f"{endpoint} is live, but its {kind} {name} was deleted",
            fix=f"deploy a registered version, which gives {endpoint} a new one (modelway deploy MODEL --version V)",
        )


def live_champion(client: Any, endpoint: str) -> Champion | None:
    """Endpoint, its config, its model; None when no endpoint is live. Raises ChampionGone."""
    live = describe(client.describe_endpoint, EndpointName=endpoint)
    if live is None or "EndpointConfigName" not in live or live.get("EndpointStatus") in ("Failed", "Creating"):
        return None
    config = describe(client.describe_endpoint_config, EndpointConfigName=live["EndpointConfigName"])
    if config is None:
        raise ChampionGone(endpoint, "endpoint config", live["EndpointConfigName"])
    name = config["ProductionVariants"][0]["ModelName"]
    model = describe(client.describe_model, ModelName=name)
    if model is None:
        raise ChampionGone(endpoint, "model", name)
    container = model["PrimaryContainer"]
    version = container.get("Environment", {}).get("MODELWAY_MODEL_VERSION", "unknown")
    return Champion(model["ModelName"], version, container["Image"], container["ModelDataUrl"])


def register_package(client: Any, request: Mapping[str, Any], tags: Sequence[Mapping[str, str]] = ()) -> str:
    """ARN of the package of this very training in the group, created (with its group) when there is none.

    The training is known by its request's content: another request never finds it, whatever version it claims.
    """
    group = str(request["ModelPackageGroupName"])
    create_once(client.create_model_package_group, {"ModelPackageGroupName": group, "Tags": list(tags)})
    digest = request["CustomerMetadataProperties"]["request_digest"]
    pages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    for page in pages:
        for summary in page["ModelPackageSummaryList"]:
            arn = str(summary["ModelPackageArn"])
            known = client.describe_model_package(ModelPackageName=arn).get("CustomerMetadataProperties", {})
            if known.get("request_digest") == digest:
                return arn
    return str(client.create_model_package(**request)["ModelPackageArn"])
