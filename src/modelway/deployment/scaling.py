"""Autoscaling of an endpoint's variant: what is registered, taken off before an update that AWS refuses, put on again.

SageMaker refuses an update that changes the instance type of a registered variant; any other update keeps the
registration. Source: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from modelway.sagemaker import requests

# What PutScalingPolicy takes of what DescribeScalingPolicies gives.
POLICY_FIELDS = (
    "PolicyName",
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
)


class Registration(NamedTuple):
    """How a variant is scaled: the request of RegisterScalableTarget, and those of PutScalingPolicy."""

    target: dict[str, Any]
    policies: list[dict[str, Any]]


def registered(autoscaling: Any, endpoint: str) -> Registration | None:
    """What Application Auto Scaling knows of the endpoint's variant; None when it is not registered."""
    variant = requests.scalable_variant(endpoint)
    targets = autoscaling.describe_scalable_targets(
        ServiceNamespace=variant["ServiceNamespace"],
        ResourceIds=[variant["ResourceId"]],
        ScalableDimension=variant["ScalableDimension"],
    )["ScalableTargets"]
    if not targets:
        return None
    target = targets[0]
    policies = autoscaling.describe_scaling_policies(**variant)["ScalingPolicies"]
    return Registration(
        {**variant, "MinCapacity": target["MinCapacity"], "MaxCapacity": target["MaxCapacity"]},
        [{**variant, **{field: policy[field] for field in POLICY_FIELDS if field in policy}} for policy in policies],
    )


def release(autoscaling: Any, endpoint: str) -> None:
    """Deregister the variant, its policies with it; nothing happens when it is not registered."""
    try:
        autoscaling.deregister_scalable_target(**requests.scalable_variant(endpoint))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ObjectNotFoundException":
            raise


def converge(autoscaling: Any, endpoint: str, wanted: Registration | None) -> None:
    """Make the registration what is wanted, None being no registration. The same call twice changes nothing more."""
    known = registered(autoscaling, endpoint)
    if wanted is None:
        if known is not None:
            release(autoscaling, endpoint)
        return
    autoscaling.register_scalable_target(**wanted.target)
    names = {policy["PolicyName"] for policy in wanted.policies}
    for policy in known.policies if known else ():
        if policy["PolicyName"] not in names:
            autoscaling.delete_scaling_policy(**requests.scalable_variant(endpoint), PolicyName=policy["PolicyName"])
    for policy in wanted.policies:
        autoscaling.put_scaling_policy(**policy)


def obstacle(client: Any, autoscaling: Any, endpoint: str, current: str, config: str) -> Registration | None:
    """The registration because of which SageMaker would refuse to go from one config to the other; None: none."""
    known = registered(autoscaling, endpoint)
    if known is None or _instance_type(client, current) == _instance_type(client, config):
        return None
    return known


def _instance_type(client: Any, config: str) -> str:
    described = client.describe_endpoint_config(EndpointConfigName=config)
    return str(described["ProductionVariants"][0]["InstanceType"])
