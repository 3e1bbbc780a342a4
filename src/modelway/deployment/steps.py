"""The two steps of `deploy` that run on the worker: change the endpoint, prove it."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.exceptions import ClientError, ReadTimeoutError

from modelway.aws.channels import platform_store
from modelway.aws.signing import platform_key
from modelway.contracts import DeploymentRecord, DeploymentRequest
from modelway.deployment import endpoint as endpoints
from modelway.deployment import scaling
from modelway.deployment.approval import Approved, approved
from modelway.lineage.statement import require_ours
from modelway.platform import Platform
from modelway.sagemaker import registry, requests
from modelway.versioning import locations, names

# Codes of InvokeEndpoint and DescribeEndpoint that tell of the model or its endpoint, not of AWS.
THE_MODELS_FAULTS = frozenset({"ModelError", "ModelNotReadyException", "ValidationError", "ValidationException"})


def _what_was_approved(client: Any, platform: Platform, conf: dict[str, Any]) -> Approved:
    """The deployment as its package has it. Raises NotApproved, and NotOurs for an image without our signature."""
    store = platform_store(platform)
    release = approved(client, store, platform, DeploymentRequest.model_validate(conf))
    model, image = release.request.model.name, release.request.image
    statement = store.get(locations.statement_key(model, image.digest))
    require_ours(statement, platform_key(platform), platform, model, image)
    return release


def change_endpoint(conf: dict[str, Any]) -> dict[str, Any]:
    """Create config and endpoint, or update it; {endpoint, config, action, previous, released, approved_by}.

    What is deployed is what the approved package has, in an image that this platform signed; anything else is refused.
    """
    platform, client = Platform.from_environment(), boto3.client("sagemaker")
    request, approved_by = _what_was_approved(client, platform, conf)
    endpoint = names.endpoint_name(platform.project, request.model.name)
    config = names.endpoint_config_name(platform.project, request)
    wanted = requests.create_endpoint_config(request, platform, config)
    registry.create_once(client.create_endpoint_config, wanted, client.describe_endpoint_config, "EndpointConfigName")
    platform_store(platform).delete(locations.deployment_failure_key(request, config))  # of an earlier run
    key = locations.change_key(request, config)
    tags = requests.tags(request, platform)
    change = endpoints.apply_config(
        client,
        endpoint,
        config,
        tags,
        platform_store(platform),
        key,
        autoscaling=boto3.client("application-autoscaling"),
        keep_count=request.model.serving.autoscaling is not None,
    )
    released = None if change.released is None else list(change.released)
    changed = {"action": change.action, "previous": change.previous_config, "released": released}
    return {"endpoint": endpoint, "config": config, "approved_by": approved_by, **changed}


def prove_endpoint(conf: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Verify, make autoscaling what model.yaml says, write the record.

    Raises NotVerified after the previous config is back.
    """
    request, platform = DeploymentRequest.model_validate(conf), Platform.from_environment()
    client, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
    name = change["endpoint"]
    try:
        arn = endpoints.verify(client, runtime, request, name, change["config"])
    except (endpoints.NotVerified, ClientError, ReadTimeoutError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] not in THE_MODELS_FAULTS:
            raise  # AWS's own: tried again, and no reason to take anything back
        raise endpoints.NotVerified(_taken_back(client, request, platform, change, str(error))) from error
    scaled = request.model.serving.autoscaling is not None
    wanted = scaling.Registration(*requests.register_autoscaling(request, name)) if scaled else None
    scaling.converge(boto3.client("application-autoscaling"), name, wanted)
    key = locations.deployment_key(request.model.name, change["config"])
    record = DeploymentRecord(
        model_name=request.model.name,
        model_version=request.model_version,
        image_digest=request.image.digest,
        endpoint_name=name,
        endpoint_arn=arn,
        endpoint_config_name=change["config"],
        action=change["action"],
        previous_endpoint_config_name=_previous(platform, request, key, change),
        verified=True,
        model_package_arn=request.model_package_arn,
        approved_by=change["approved_by"],
        requested_by=request.requested_by,
        reason=request.reason,
    )
    store = platform_store(platform)
    store.put(key, record.model_dump_json())
    # What was live before is history now: a repeat of this request must not go back to it.
    store.delete(locations.change_key(request, change["config"]))
    return record.model_dump(mode="json")


def _previous(platform: Platform, request: DeploymentRequest, key: str, change: dict[str, Any]) -> str | None:
    """Name of the endpoint config that a rollback of this deployment goes back to.

    A deployment that changed nothing keeps what the one that did had noted. So does a rollback: the next one goes
    further back, and not forth again to what was rolled back.
    """
    keeps = request.reason == "rollback" or change["action"] == "unchanged"
    text = platform_store(platform).get(key) if keeps else None
    if text is None:
        return change["previous"] or None
    return DeploymentRecord.model_validate_json(text).previous_endpoint_config_name


def _taken_back(
    client: Any, request: DeploymentRequest, platform: Platform, change: dict[str, Any], reason: str
) -> str:
    """Go back; the reason and what was done. The first reason stands: a try after one that died finds its traces."""
    store, key = platform_store(platform), locations.deployment_failure_key(request, change["config"])
    reason = store.get(key) or reason
    store.put(key, reason)
    told = f"{reason} ({_go_back(client, request, platform, change)})"
    store.put(key, told)
    return told


def _go_back(client: Any, request: DeploymentRequest, platform: Platform, change: dict[str, Any]) -> str:
    name, config = change["endpoint"], change["config"]
    proven = platform_store(platform).get(locations.deployment_key(request.model.name, config)) is not None
    if change["action"] == "created" and not proven:
        return endpoints.withdraw(client, name, config)
    released = change.get("released")
    return endpoints.restore(
        client,
        name,
        change["previous"],
        own=config,
        autoscaling=boto3.client("application-autoscaling"),
        released=scaling.Registration(*released) if released else None,
        poll=min(5.0, platform.poll_seconds),
    )


def failure(platform: Platform, request: DeploymentRequest) -> str:
    """Why this request's endpoint was not verified and what was done about it; empty when it was, or is not yet."""
    config = names.endpoint_config_name(platform.project, request)
    return platform_store(platform).get(locations.deployment_failure_key(request, config)) or ""
