"""Who may do what, and why a role has an action that no recorded call needs: a test fails when one has no reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Policies = dict[str, dict[str, Any]]
INLINE = ("aws_iam_role_policy", "aws_iam_group_policy")

TAGGED = "tags that a Create carries are recorded as that Create"
SERVICE = "AWS does it with the role, not the code that runs as it"
IN_PLACE = "only a change of what is there already asks for it"
UNUSED_HERE = "the local environment has none; dev, stage and prod do"
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions)
ABSENT = "with it S3 says of an object that is not there that it is not, and does not refuse it"
# https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html
MWAA = "MWAA itself needs it, and here Airflow runs without MWAA"
VOLUMES = "SageMaker makes grants for encrypted volumes with its caller's rights, and a process has no volume"
STATE = "the local state is a file"

# The sid of a statement and an action of its, to the reason.
Reasons = dict[tuple[str, str], str]


def _of(sid: str, reason: str, service: str, *actions: str) -> Reasons:
    return {(sid, f"{service}:{action}"): reason for action in actions}


_LAMBDA: Reasons = {
    **_of("DeadLetters", SERVICE, "sqs", "SendMessage"),
    **_of("Log", SERVICE, "logs", "CreateLogStream", "PutLogEvents"),
}
_CONTAINER: Reasons = {
    **_of("Log", "what it prints goes to a stream that is known", "logs", "DescribeLogStreams"),
    **_of("Metrics", SERVICE, "cloudwatch", "PutMetricData"),
}
UNRECORDED: dict[str, Reasons] = {
    "airflow": {
        **_of("Account", MWAA, "logs", "DescribeLogGroups"),
        **_of("Account", MWAA, "s3", "GetAccountPublicAccessBlock"),
        **_of("Celery", MWAA, "sqs", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl"),
        **_of("Celery", MWAA, "sqs", "ReceiveMessage", "SendMessage"),
        **_of("Health", MWAA, "airflow", "PublishMetrics"),
        **_of("Key", MWAA, "kms", "DescribeKey", "Encrypt"),
        **_of("Log", MWAA, "logs", "CreateLogGroup", "CreateLogStream", "GetLogEvents", "GetLogGroupFields"),
        **_of("Log", MWAA, "logs", "GetLogRecord", "GetQueryResults", "PutLogEvents"),
        **_of("Metrics", MWAA, "cloudwatch", "PutMetricData"),
        **_of("ReadPackage", MWAA, "s3", "GetObject", "GetObjectVersion"),
        **_of("ReadPackageList", MWAA, "s3", "GetBucketLocation", "GetBucketPublicAccessBlock", "GetBucketVersioning"),
        **_of("ReadPackageList", MWAA, "s3", "GetEncryptionConfiguration", "ListBucket", "ListBucketVersions"),
        **_of("Autoscaling", "only one target less in model.yaml", "application-autoscaling", "DeleteScalingPolicy"),
        **_of("AutoscalingAlarms", "the same", "cloudwatch", "DeleteAlarms"),
        **_of("Endpoints", "only a first deployment that failed", "sagemaker", "DeleteEndpoint"),
        **_of("VolumeKey", VOLUMES, "kms", "CreateGrant", "DescribeKey"),
    },
    "trigger": _LAMBDA,
    "forwarder": _LAMBDA,
    "job": {**_CONTAINER, **_of("WriteKey", "S3 asks for GenerateDataKey alone", "kms", "Encrypt")},
    "endpoint": {
        **_CONTAINER,
        **_of("ListModels", ABSENT, "s3", "ListBucket"),
        **_of("Log", "the example's server prints nothing", "logs", "PutLogEvents"),
    },
    "ci": _of("ArtifactList", ABSENT, "s3", "ListBucket"),
    "users": _of("Airflow", "the local Airflow has a log-in of its own", "airflow", "CreateWebLoginToken"),
    "terraform": {
        **_of("Airflow", IN_PLACE, "airflow", "UntagResource", "UpdateEnvironment"),
        **_of("Alarms", IN_PLACE, "cloudwatch", "UntagResource"),
        **_of("BoundedRoles", IN_PLACE, "iam", "PutRolePermissionsBoundary"),
        **_of("Buckets", UNUSED_HERE, "s3", "PutLifecycleConfiguration"),
        **_of("Budget", UNUSED_HERE, "budgets", "ListTagsForResource", "ModifyBudget", "TagResource", "UntagResource"),
        **_of("Budget", UNUSED_HERE, "budgets", "ViewBudget"),
        **_of("Functions", IN_PLACE, "lambda", "PublishVersion", "UntagResource", "UpdateAlias", "UpdateFunctionCode"),
        **_of("Functions", IN_PLACE, "lambda", "UpdateFunctionConfiguration"),
        **_of("Functions", UNUSED_HERE, "lambda", "DeleteFunctionConcurrency", "PutFunctionConcurrency"),
        **_of("Logs", "a group that Create made without its key", "logs", "AssociateKmsKey"),
        **_of("Logs", "only a model with metrics has them", "logs", "DeleteMetricFilter", "DescribeMetricFilters"),
        **_of("Logs", "only a model with metrics has them", "logs", "PutMetricFilter"),
        **_of("Logs", IN_PLACE, "logs", "UntagResource"),
        **_of("OurKeys", "MWAA does it for who makes it", "kms", "GenerateDataKeyWithoutPlaintext"),
        **_of("OurKeys", IN_PLACE, "kms", "PutKeyPolicy", "UntagResource"),
        **_of("OurKeys", TAGGED, "kms", "TagResource"),
        **_of("Ours", IN_PLACE, "ec2", "CreateTags", "DeleteTags", "ModifySecurityGroupRules", "ModifyVpcEndpoint"),
        **_of("Ours", IN_PLACE, "ec2", "ReplaceRoute"),
        **_of("Queues", IN_PLACE, "sqs", "SetQueueAttributes", "UntagQueue"),
        **_of("Repositories", IN_PLACE, "ecr", "PutImageScanningConfiguration", "PutImageTagMutability"),
        **_of("Repositories", IN_PLACE, "ecr", "UntagResource"),
        **_of("Roles", IN_PLACE, "iam", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription"),
        **_of("Secrets", IN_PLACE, "secretsmanager", "RestoreSecret", "UntagResource", "UpdateSecret"),
        **_of("State", STATE, "s3", "DeleteObject", "GetObject", "PutObject"),
        **_of("StateList", STATE, "s3", "ListBucket"),
        **_of("Topic", IN_PLACE, "sns", "UntagResource"),
    },
}


def of_state(state: dict[str, Any]) -> Policies:
    """Every inline policy of `terraform show -json`, by its address."""
    found = [entry for entry in resources(state) if entry["type"] in INLINE]
    return {entry["address"]: json.loads(entry["values"]["policy"]) for entry in found}


def of_state_file(file: Path) -> Policies:
    """Every managed and inline policy that a state file holds, by its address."""
    kinds = (*INLINE, "aws_iam_policy")
    found = [entry for entry in json.loads(file.read_text())["resources"] if entry["type"] in kinds]
    return {
        f"{entry['type']}.{entry['name']}[{one.get('index_key', '')}]": json.loads(one["attributes"]["policy"])
        for entry in found
        if entry["mode"] == "managed"
        for one in entry["instances"]
    }


def of_role(state: dict[str, Any], role: str) -> Policies:
    """A role's inline policies by their names."""
    found = (entry["values"] for entry in resources(state) if entry["type"] == "aws_iam_role_policy")
    return {one["name"]: json.loads(one["policy"]) for one in found if one["role"] == role}


def resources(state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every managed resource of `terraform show -json`."""
    return (entry for entry in _resources(state["values"]["root_module"]) if entry["mode"] == "managed")


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)


def statements(policy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A policy's statements, with their actions as a list."""
    for statement in policy["Statement"]:
        actions = statement["Action"]
        yield {**statement, "Action": [actions] if isinstance(actions, str) else actions}


def allowed(policies: Policies, part: str) -> set[str]:
    """The actions that the policies whose address contains `part` allow."""
    chosen = [policy for address, policy in policies.items() if part in address]
    assert chosen, f"no policy {part} among {sorted(policies)}"
    granted = [one for policy in chosen for one in statements(policy) if one["Effect"] == "Allow"]
    return {action for one in granted for action in one["Action"]}
