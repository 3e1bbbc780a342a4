"""Who may do what, and why a role has an action that no recorded call needs: a test fails when one has no reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Policies = dict[str, dict[str, Any]]
INLINE = ("aws_iam_role_policy", "aws_iam_group_policy")

KEYS = "the loopback's S3, logs and topics do not encrypt"
TAGGED = "tags that a Create carries are recorded as that Create"
ALARMS = "Application Auto Scaling makes a policy's alarms with its caller's rights"
SERVICE_ROLE = "the first use in an account makes the service's own role"
SERVICE = "AWS does it with the role, not the code that runs as it"
IN_PLACE = "only a change of what is there already asks for it"
REGISTRY = "the local registry speaks the registry's protocol, not ECR's API"
SECOND = "only a second version, which finds another one live, asks for it"
ROLLBACK = "`modelway rollback`"
SCAN = "`modelway ci scan`"
SCHEDULE = "`modelway ci retrain-all`"
FAILURE = "only a run that failed asks for it"
UNUSED_HERE = "the local environment has none; dev, stage and prod do"
MAKES_MWAA = "MWAA does it with the rights of who makes the environment"
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions)
ABSENT = "with it S3 says of an object that is not there that it is not, and does not refuse it"
PEOPLE = "people in a browser or a shell"


def _of(service: str, reason: str, *actions: str) -> dict[str, str]:
    return {f"{service}:{action}": reason for action in actions}


_REGISTRY_READ = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
_TAGS = {
    f"{service}:{action}": reason
    for service in ("airflow", "cloudwatch", "ecr", "kms", "lambda", "logs", "secretsmanager", "sns")
    for action, reason in (("TagResource", TAGGED), ("UntagResource", IN_PLACE))
}
# https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html
MWAA = "MWAA itself needs it, and here Airflow runs without MWAA"
_MWAA_RIGHTS = {
    **_of("airflow", MWAA, "PublishMetrics"),
    **_of("cloudwatch", MWAA, "PutMetricData"),
    **_of("kms", MWAA, "DescribeKey", "Encrypt"),
    **_of("logs", MWAA, "CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "GetLogEvents", "GetLogGroupFields"),
    **_of("logs", MWAA, "GetLogRecord", "GetQueryResults", "PutLogEvents"),
    **_of("s3", MWAA, "GetAccountPublicAccessBlock", "GetBucketLocation", "GetBucketPublicAccessBlock"),
    **_of("s3", MWAA, "GetBucketVersioning", "GetEncryptionConfiguration", "GetObjectVersion", "ListBucketVersions"),
    # Of the bucket with the DAGs; of the artifacts' they are recorded.
    **_of("s3", MWAA, "GetObject", "ListBucket"),
    **_of("sqs", MWAA, "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl"),
    **_of("sqs", MWAA, "ReceiveMessage", "SendMessage"),
}
UNRECORDED: dict[str, dict[str, str]] = {
    "airflow": {
        **_MWAA_RIGHTS,
        **_of("application-autoscaling", SECOND, "DescribeScalingPolicies"),
        **_of("application-autoscaling", IN_PLACE, "DeleteScalingPolicy", "DeregisterScalableTarget"),
        **_of("cloudwatch", ALARMS, "DeleteAlarms", "DescribeAlarms", "PutMetricAlarm"),
        **_of("iam", SERVICE_ROLE, "CreateServiceLinkedRole"),
        **_of("kms", KEYS, "CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey"),
        **_of("sagemaker", TAGGED, "AddTags"),
        **_of("sagemaker", SECOND, "DescribeEndpointConfig", "UpdateEndpoint"),
        **_of("sagemaker", FAILURE, "DeleteEndpoint"),
        **_of(
            "sagemaker", "AWS's page on autoscaling demands it of who registers", "UpdateEndpointWeightsAndCapacities"
        ),
    },
    "trigger": {**_of("logs", SERVICE, "CreateLogStream", "PutLogEvents"), **_of("sqs", SERVICE, "SendMessage")},
    "forwarder": {**_of("logs", SERVICE, "CreateLogStream", "PutLogEvents"), **_of("sqs", SERVICE, "SendMessage")},
    "job": {
        **_of("cloudwatch", SERVICE, "PutMetricData"),
        **_of("kms", KEYS, "Decrypt", "Encrypt", "GenerateDataKey"),
        **_of("logs", SERVICE, "DescribeLogStreams"),
        **_of("logs", "the example prints nothing", "PutLogEvents"),
    },
    "endpoint": {
        **_of("cloudwatch", SERVICE, "PutMetricData"),
        **_of("kms", KEYS, "Decrypt"),
        **_of("logs", SERVICE, "DescribeLogStreams"),
        **_of("logs", "the example prints nothing", "PutLogEvents"),
        **_of("s3", ABSENT, "ListBucket"),
    },
    "ci": {
        **_of("s3", ABSENT, "ListBucket"),
        **_of("ecr", REGISTRY, *_REGISTRY_READ, "CompleteLayerUpload", "InitiateLayerUpload", "PutImage"),
        **_of("ecr", REGISTRY, "UploadLayerPart"),
        **_of("ecr", SCAN, "DescribeImageScanFindings"),
        **_of("sagemaker", SCHEDULE, "ListModelPackageGroups"),
        **_of("kms", KEYS, "Decrypt", "GenerateDataKey"),
        **_of("sagemaker", ROLLBACK, "DescribeEndpoint"),
        **_of("sagemaker", FAILURE, "DescribeTrainingJob"),
    },
    "users": {
        **_of("airflow", PEOPLE, "CreateWebLoginToken"),
        **_of("cloudwatch", PEOPLE, "DescribeAlarms", "GetDashboard", "GetMetricData", "ListDashboards", "ListMetrics"),
        **_of("kms", KEYS, "Decrypt"),
        **_of("logs", PEOPLE, "FilterLogEvents", "GetLogEvents"),
        **_of("s3", PEOPLE, "GetObject", "ListBucket"),
        **_of("sagemaker", PEOPLE, "DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel"),
        **_of("sagemaker", PEOPLE, "DescribeModelPackage", "InvokeEndpoint", "ListEndpoints", "ListModelPackages"),
        **_of("sagemaker", PEOPLE, "ListModels", "ListProcessingJobs", "ListTrainingJobs"),
    },
    "terraform": {
        **_TAGS,
        **_of("airflow", IN_PLACE, "UpdateEnvironment"),
        **_of(
            "budgets", UNUSED_HERE, "ListTagsForResource", "ModifyBudget", "TagResource", "UntagResource", "ViewBudget"
        ),
        **_of("ec2", MAKES_MWAA, "CreateNetworkInterface"),
        **_of("ec2", TAGGED, "CreateTags"),
        **_of("ec2", IN_PLACE, "DeleteTags", "ModifySecurityGroupRules", "ModifyVpcEndpoint", "ReplaceRoute"),
        **_of("ecr", IN_PLACE, "PutImageScanningConfiguration", "PutImageTagMutability"),
        **_of("iam", SERVICE_ROLE, "CreateServiceLinkedRole"),
        **_of("iam", TAGGED, "TagRole"),
        **_of("iam", IN_PLACE, "PutRolePermissionsBoundary", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole"),
        **_of("s3", "the local state is a file here", "GetObject", "PutObject", "DeleteObject", "ListBucket"),
        **_of("iam", IN_PLACE, "UpdateRoleDescription"),
        **_of("kms", KEYS, "CreateGrant", "Decrypt", "GenerateDataKey"),
        **_of(
            "kms",
            MAKES_MWAA,
            "Encrypt",
            "GenerateDataKeyWithoutPlaintext",
            "ListGrants",
            "ReEncryptFrom",
            "ReEncryptTo",
        ),
        **_of("kms", MAKES_MWAA, "RevokeGrant"),
        **_of("kms", IN_PLACE, "PutKeyPolicy"),
        **_of("lambda", UNUSED_HERE, "DeleteFunctionConcurrency", "PutFunctionConcurrency"),
        **_of("lambda", IN_PLACE, "PublishVersion", "UpdateAlias", "UpdateFunctionCode", "UpdateFunctionConfiguration"),
        **_of("logs", "a group that Create made without its key", "AssociateKmsKey"),
        **_of("logs", SERVICE, "CreateLogDelivery", "DeleteLogDelivery"),
        **_of("logs", "only a model with metrics has them", "DeleteMetricFilter", "DescribeMetricFilters"),
        **_of("logs", "only a model with metrics has them", "PutMetricFilter"),
        **_of("s3", UNUSED_HERE, "PutLifecycleConfiguration"),
        **_of("s3", TAGGED, "PutObjectTagging"),
        **_of("secretsmanager", IN_PLACE, "RestoreSecret", "UpdateSecret"),
        **_of("sqs", IN_PLACE, "SetQueueAttributes", "UntagQueue"),
        **_of("sqs", TAGGED, "TagQueue"),
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
