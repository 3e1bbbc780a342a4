"""Create or update an endpoint, verify it, put the previous config back."""

from __future__ import annotations

import json
import time
from typing import Any, Literal, NamedTuple

from modelway.contracts import DeploymentRequest
from modelway.errors import PlatformError, UserError
from modelway.sagemaker.registry import describe

Action = Literal["created", "updated", "unchanged"]


class NotApproved(UserError):
    """Raised when the model package has not been approved."""


class NotVerified(UserError):
    """Raised when the live endpoint is not what was asked for."""


class Change(NamedTuple):
    """What was asked of SageMaker, and which config was live before."""

    action: Action
    previous_config: str | None


def require_approved(client: Any, request: DeploymentRequest) -> None:
    """Raises NotApproved, or PlatformError when the package does not exist."""
    package = describe(client.describe_model_package, ModelPackageName=request.model_package_arn)
    if package is None:
        raise NotApproved(f"there is no model package {request.model_package_arn}")
    if package["ModelApprovalStatus"] != "Approved":
        raise NotApproved(
            f"{request.model.name} {request.model_version} is {package['ModelApprovalStatus']}, not Approved",
            fix="approve the model package, then deploy again",
        )


def apply_config(client: Any, endpoint: str, config: str, tags: list[dict[str, str]]) -> Change:
    """Ask for `config`; nothing is asked when it is live or on its way. Raises PlatformError while busy."""
    live = describe(client.describe_endpoint, EndpointName=endpoint)
    if live is None:
        client.create_endpoint(EndpointName=endpoint, EndpointConfigName=config, Tags=tags)
        return Change("created", None)
    status, current = live["EndpointStatus"], live.get("EndpointConfigName")
    if current == config and status != "Failed":
        return Change("unchanged" if status == "InService" else "created", None)
    if status not in ("InService", "Failed"):
        pending = live.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
        if pending == config:
            return Change("updated", current)
        raise PlatformError(f"endpoint {endpoint} is {status}; another deployment is on its way")
    if status == "Failed" and current == config:
        raise PlatformError(f"endpoint {endpoint} failed: {live.get('FailureReason', 'no reason given')}")
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    return Change("updated", current)


def same_shape(expected: Any, found: Any) -> bool:
    """Same JSON types and keys; lists by their first element, int and float alike."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and expected.keys() == found.keys()
            and all(same_shape(value, found[key]) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and bool(expected) == bool(found)
            and (not expected or all(same_shape(expected[0], item) for item in found))
        )
    if isinstance(expected, bool) or isinstance(found, bool):
        return isinstance(expected, bool) and isinstance(found, bool)
    if isinstance(expected, int | float):
        return isinstance(found, int | float)
    return type(expected) is type(found)


def verify(client: Any, runtime: Any, request: DeploymentRequest, endpoint: str, config: str) -> str:
    """ARN of the endpoint when design decision 9 holds. Raises NotVerified saying what does not."""
    live = client.describe_endpoint(EndpointName=endpoint)
    if reason := live.get("FailureReason"):
        raise NotVerified(f"endpoint {endpoint}: {reason}")
    if live["EndpointStatus"] != "InService" or live["EndpointConfigName"] != config:
        raise NotVerified(f"endpoint {endpoint} is {live['EndpointStatus']} with {live['EndpointConfigName']}")
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=request.request_example.encode()
    )
    if request.image.digest not in answer.get("CustomAttributes", ""):
        raise NotVerified(f"endpoint {endpoint} does not answer with image {request.image.digest}")
    try:
        found = json.loads(answer["Body"].read())
    except ValueError as error:
        raise NotVerified(f"endpoint {endpoint} did not answer with JSON") from error
    if not same_shape(json.loads(request.response_example), found):
        raise NotVerified(f"endpoint {endpoint} answered another shape than at admission: {json.dumps(found)[:300]}")
    return str(live["EndpointArn"])


def restore(client: Any, endpoint: str, previous: str | None, *, seconds: float = 1800, poll: float = 5) -> str:
    """Go back to `previous` and wait until it serves; says what was done. Nothing to go back to: left as it is."""
    live = describe(client.describe_endpoint, EndpointName=endpoint)
    if live is None or previous is None:
        return "there was no previous config to restore"
    if live["EndpointConfigName"] != previous:
        client.update_endpoint(EndpointName=endpoint, EndpointConfigName=previous)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        live = client.describe_endpoint(EndpointName=endpoint)
        if live["EndpointStatus"] == "InService" and live["EndpointConfigName"] == previous:
            return f"restored {previous}"
        if live["EndpointStatus"] == "Failed":
            break
        time.sleep(poll)
    return f"{previous} could not be restored: {live['EndpointStatus']}"
