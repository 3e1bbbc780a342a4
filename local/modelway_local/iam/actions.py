"""What AWS asks to be allowed for a request: its own action, and those that it leads to.

Each rule names the page of AWS that demands it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelway_local.gateway.exchange import Request
from modelway_local.iam import networking, requests, resources, s3
from modelway_local.iam.evaluation import Call
from modelway_local.iam.requests import Operation
from modelway_local.sagemaker.resources import REGION

# Signing name to the prefix of IAM actions, where they differ.
PREFIXES = {"monitoring": "cloudwatch", "email": "ses"}
RENAMED = {
    "lambda:Invoke": "lambda:InvokeFunction",
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html
    **{f"budgets:{verb}Budget": "budgets:ModifyBudget" for verb in ("Create", "Update", "Delete")},
    **{f"budgets:Describe{noun}": "budgets:ViewBudget" for noun in ("Budget", "Budgets", "NotificationsForBudget")},
    "budgets:DescribeSubscribersForNotification": "budgets:ViewBudget",
    **{
        f"budgets:{verb}{noun}": "budgets:ModifyBudget"
        for verb in ("Create", "Update", "Delete")
        for noun in ("Notification", "Subscriber")
    },
}
# Calls that need no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
FREE = {"sts:GetCallerIdentity", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"}


@dataclass(frozen=True)
class Need:
    """Calls of which one must be allowed; nearly always there is one."""

    any_of: tuple[Call, ...]


def carries_an_object(request: Request) -> bool:
    """Whether the body is an object's content, which says nothing of what is asked and may be large."""
    if request.service != "s3" or request.method not in ("PUT", "POST"):
        return False
    return "/" in request.path.strip("/")


def needs(request: Request, body: bytes) -> list[Need]:
    """All that must be allowed; empty for what needs no permission."""
    if request.service == "s3":
        return [Need((call,)) for call in s3.calls(request, body)]
    operation = requests.operation(request, body)
    if operation is None:
        return [Need((Call(f"{request.service}:Unknown", resources.ANY),))]
    return of(operation)


def of(operation: Operation) -> list[Need]:
    """The same for an operation."""
    action = action_of(operation)
    if action in FREE:
        return []
    context = context_of(operation)
    if action in ("airflow:InvokeRestApi", "airflow:CreateWebLoginToken"):
        roles = resources.airflow_roles(operation.text("Name"))
        return [Need(tuple(Call(action, role, context) for role in roles))]
    own = [Call(action, arn, context) for arn in resources.of(operation)]
    return [Need((call,)) for call in [*own, *_tagging(operation, own), *_dependent(operation)]]


def action_of(operation: Operation) -> str:
    """`service:Action` as IAM names it."""
    action = f"{PREFIXES.get(operation.service, operation.service)}:{operation.name}"
    return RENAMED.get(action, action)


def context_of(operation: Operation) -> dict[str, tuple[str, ...]]:
    """What the request itself says, by IAM's condition keys."""
    text, looks = operation.text, operation.name.startswith("Describe")
    # A processing job has both below NetworkConfig, all else at the top.
    network: Mapping[str, Any] = operation.parameters.get("NetworkConfig") or operation.parameters
    context: dict[str, tuple[str, ...]] = {
        f"aws:requesttag/{key}".lower(): (value,) for key, value in operation.tags.items()
    }
    if keys := operation.tag_keys:
        context["aws:tagkeys"] = tuple(keys)
    for key, value in (
        ("application-autoscaling:service-namespace", "" if looks else text("ServiceNamespace")),
        ("application-autoscaling:scalable-dimension", "" if looks else text("ScalableDimension")),
        ("cloudwatch:namespace", text("Namespace") if operation.name == "PutMetricData" else ""),
        ("iam:permissionsboundary", text("PermissionsBoundary")),
        ("iam:awsservicename", text("AWSServiceName")),
        ("iam:policyarn", text("PolicyArn")),
        ("sns:protocol", text("Protocol")),
        ("sns:endpoint", text("Endpoint")),
        ("sagemaker:networkisolation", _flag(network.get("EnableNetworkIsolation"))),
    ):
        if value:
            context[key] = (value,)
    vpc: Mapping[str, Any] = network.get("VpcConfig") or {}
    if operation.service == "sagemaker" and vpc:
        context["sagemaker:vpcsubnets"] = tuple(vpc.get("Subnets", ()))
        context["sagemaker:vpcsecuritygroupids"] = tuple(vpc.get("SecurityGroupIds", ()))
    return context


def _flag(value: object) -> str:
    return "" if value is None else str(bool(value)).lower()


# Service to the action that tags need when a Create carries them; each service's table of dependent actions says so.
_TAGGING = {
    "sagemaker": "sagemaker:AddTags",
    "airflow": "airflow:TagResource",
    "budgets": "budgets:TagResource",
    "ecr": "ecr:TagResource",
    "kms": "kms:TagResource",
    "lambda": "lambda:TagResource",
    "logs": "logs:TagResource",
    "monitoring": "cloudwatch:TagResource",
    "secretsmanager": "secretsmanager:TagResource",
    "sns": "sns:TagResource",
    "sqs": "sqs:TagQueue",
}
_IAM_TAGGING = {"CreateRole": "iam:TagRole", "CreateOpenIDConnectProvider": "iam:TagOpenIDConnectProvider"}


def _tagging(operation: Operation, own: list[Call]) -> Iterator[Call]:
    """Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_tags.html#access_tags_control-tag-keys"""
    if operation.service == "ec2" and operation.name in networking.NEW and operation.tags:
        yield replace(
            own[0], action="ec2:CreateTags", context={**own[0].context, "ec2:createaction": (operation.name,)}
        )
        return
    if not operation.tags or not operation.name.startswith(("Create", "Put")):
        return
    action = _IAM_TAGGING.get(operation.name) if operation.service == "iam" else _TAGGING.get(operation.service)
    # The endpoint is tagged, not the config that it is made from. A key has no ARN before it is made.
    for call in own[:1] if action else ():
        resource = resources.arn("kms", "key/*") if operation.service == "kms" else call.resource.removesuffix(":*")
        tags = {
            key: values for key, values in call.context.items() if key.startswith(("aws:requesttag/", "aws:tagkeys"))
        }
        yield Call(str(action), resource, tags)


# Operation to the member that names the role which is handed on, and the service that gets it.
PASSED_ROLES = {
    ("sagemaker", "CreateTrainingJob"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateProcessingJob"): ("RoleArn", "sagemaker.amazonaws.com"),
    ("sagemaker", "CreateModel"): ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
    ("lambda", "CreateFunction"): ("Role", "lambda.amazonaws.com"),
    ("lambda", "UpdateFunctionConfiguration"): ("Role", "lambda.amazonaws.com"),
    ("airflow", "CreateEnvironment"): ("ExecutionRoleArn", "airflow.amazonaws.com"),
    ("airflow", "UpdateEnvironment"): ("ExecutionRoleArn", "airflow.amazonaws.com"),
    ("ec2", "CreateFlowLogs"): ("DeliverLogsPermissionArn", "vpc-flow-logs.amazonaws.com"),
    ("logs", "PutSubscriptionFilter"): ("roleArn", "logs.amazonaws.com"),
}


def _dependent(operation: Operation) -> Iterator[Call]:
    """Actions on other resources."""
    kind = (operation.service, operation.name)
    if kind in PASSED_ROLES:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
        member, service = PASSED_ROLES[kind]
        if role := operation.text(member):
            yield Call("iam:PassRole", role, {"iam:passedtoservice": (service,)})
    if operation.service == "application-autoscaling":
        yield from _autoscaling(operation)
    if kind in (("airflow", "CreateEnvironment"), ("airflow", "UpdateEnvironment")):
        yield from _mwaa(operation)
    if kind == ("ec2", "CreateFlowLogs"):
        # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html#flow-logs-s3-iam
        yield Call("logs:CreateLogDelivery", resources.ANY)
    if kind == ("ec2", "DeleteFlowLogs"):
        yield Call("logs:DeleteLogDelivery", resources.ANY)


def _autoscaling(operation: Operation) -> Iterator[Call]:
    """Source: https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html

    and https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
    """
    endpoint = operation.text("ResourceId").partition("/")[2].partition("/")[0]
    on = resources.arn("sagemaker", f"endpoint/{endpoint}")
    if operation.name == "RegisterScalableTarget":
        service = "sagemaker.application-autoscaling.amazonaws.com"
        yield Call(
            "iam:CreateServiceLinkedRole", resources.service_linked_role(service), {"iam:awsservicename": (service,)}
        )
        yield Call("sagemaker:DescribeEndpoint", on)
        yield Call("sagemaker:UpdateEndpointWeightsAndCapacities", on)
    alarms = resources.arn("cloudwatch", f"alarm:TargetTracking-{operation.text('ResourceId')}-{resources.ANY}")
    if operation.name == "PutScalingPolicy":
        yield Call("cloudwatch:PutMetricAlarm", alarms)
        yield Call("cloudwatch:DescribeAlarms", alarms)
    if operation.name == "DeleteScalingPolicy":
        yield Call("cloudwatch:DeleteAlarms", alarms)


# https://docs.aws.amazon.com/mwaa/latest/userguide/custom-keys-certs.html
MWAA_KEY_ACTIONS = (
    *("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ListGrants"),
    *("ReEncryptFrom", "ReEncryptTo", "RevokeGrant"),
)


def _mwaa(operation: Operation) -> Iterator[Call]:
    """Source: https://docs.aws.amazon.com/mwaa/latest/userguide/access-policies.html (AmazonMWAAFullConsoleAccess)"""
    bucket = operation.text("SourceBucketArn")
    if bucket:
        yield Call("s3:GetEncryptionConfiguration", bucket)
    if key := operation.text("KmsKey"):
        for action in MWAA_KEY_ACTIONS:
            yield Call(f"kms:{action}", key, {"kms:viaservice": (f"airflow.{REGION}.amazonaws.com",)})
    if operation.name == "CreateEnvironment":
        service = "airflow.amazonaws.com"
        yield Call(
            "iam:CreateServiceLinkedRole", resources.service_linked_role(service), {"iam:awsservicename": (service,)}
        )
        network = operation.parameters.get("NetworkConfiguration") or {}
        places = [*network.get("SubnetIds", ()), *network.get("SecurityGroupIds", ())]
        for on in (networking.arn("network-interface"), *map(networking.of_id, places)):
            yield Call("ec2:CreateNetworkInterface", on)
