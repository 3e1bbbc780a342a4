"""On which resources an operation acts: one function a service, by the table of its Service Authorization Reference.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
A service that is not here, and an operation that knows no resource, is on `*`, which a policy's `*` alone covers.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from modelway_local.iam import networking
from modelway_local.iam.requests import Operation
from modelway_local.sagemaker.resources import ACCOUNT, REGION

ANY = "*"
# Before an alias: the key behind it, also where an alias itself is meant by its ARN.
BEHIND = "behind/"
# What a name that AWS adds six random characters to may be called: policies end in ?????? there.
RANDOM = "XXXXXX"


def arn(service: str, rest: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """An ARN of this account."""
    return f"arn:aws:{service}:{region}:{account}:{rest}"


def of(operation: Operation) -> list[str]:
    """ARNs; each must be allowed."""
    find = SERVICES.get(operation.service)
    return (find(operation) if find else []) or [ANY]


def _named(service: str, kind: str, value: str) -> list[str]:
    """One ARN from a name, or the ARN itself where the client may send either."""
    if not value:
        return []
    return [value] if value.startswith("arn:") else [arn(service, f"{kind}{value}")]


# Kind in the ARN to the member that names one, the longest operation first.
_SAGEMAKER = (
    ("TrainingJob", "training-job/", "TrainingJobName"),
    ("ProcessingJob", "processing-job/", "ProcessingJobName"),
    ("TransformJob", "transform-job/", "TransformJobName"),
    ("ModelPackageGroup", "model-package-group/", "ModelPackageGroupName"),
    ("EndpointConfig", "endpoint-config/", "EndpointConfigName"),
    ("EndpointWeightsAndCapacities", "endpoint/", "EndpointName"),
    ("Endpoint", "endpoint/", "EndpointName"),
    ("Model", "model/", "ModelName"),
)


def _sagemaker(operation: Operation) -> list[str]:
    """CreateEndpoint and UpdateEndpoint act on the endpoint and on its config; a listing on everything.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
    """
    name = operation.name
    if "ResourceArn" in operation.parameters:
        return [operation.text("ResourceArn")]
    if name.startswith("List"):
        return []
    if name.endswith("ModelPackage"):
        package = operation.text("ModelPackageArn", "ModelPackageName")
        if package:
            return _named("sagemaker", "model-package/", package)
        group = operation.text("ModelPackageGroupName")
        return [arn("sagemaker", f"model-package/{group}/{ANY}")] if group else []
    for suffix, kind, member in _SAGEMAKER:
        if name.endswith(suffix):
            found = _named("sagemaker", kind, operation.text(member))
            if name in ("CreateEndpoint", "UpdateEndpoint"):
                found += _named("sagemaker", "endpoint-config/", operation.text("EndpointConfigName"))
            return found
    return []


def _invoked(operation: Operation) -> list[str]:
    return _named("sagemaker", "endpoint/", operation.text("EndpointName"))


def _sagemaker_any(operation: Operation) -> list[str]:
    return _invoked(operation) if operation.name.startswith("Invoke") else _sagemaker(operation)


def _scaling(operation: Operation) -> list[str]:
    """Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html"""
    if operation.name.startswith("Describe"):
        return []
    return [operation.text("ResourceARN") or arn("application-autoscaling", f"scalable-target/{ANY}")]


def _ecr(operation: Operation) -> list[str]:
    names = operation.parameters.get("repositoryNames") or [operation.text("repositoryName")]
    found = [arn("ecr", f"repository/{name}") for name in names if name]
    if operation.text("resourceArn"):
        return [operation.text("resourceArn")]
    return found or ([arn("ecr", f"repository/{ANY}")] if operation.name == "DescribeRepositories" else [])


ON_A_STREAM = ("CreateLogStream", "DeleteLogStream", "GetLogEvents", "PutLogEvents")


def _logs(operation: Operation) -> list[str]:
    """Tags are on the group's ARN as it is; all else on the one that ends in `:*`, or on a stream of the group.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    if operation.name in ("DescribeLogGroups", "CreateLogDelivery", "DeleteLogDelivery"):
        return []
    if given := operation.text("resourceArn"):
        return [given.removesuffix(":*")]
    group = operation.text("logGroupName", "logGroupIdentifier").rpartition("log-group:")[2]
    if not group:
        return []
    stream = operation.text("logStreamName") if operation.name in ON_A_STREAM else ""
    return [arn("logs", f"log-group:{group}:{f'log-stream:{stream}' if stream else ANY}")]


def _sns(operation: Operation) -> list[str]:
    if operation.name in ("Unsubscribe", "GetSubscriptionAttributes", "ListTopics"):
        return []
    return _named("sns", "", operation.text("TopicArn", "ResourceArn", "TargetArn", "Name"))


def _sqs(operation: Operation) -> list[str]:
    name = operation.text("QueueUrl").rpartition("/")[2] or operation.text("QueueName")
    return _named("sqs", "", name)


def _secrets(operation: Operation) -> list[str]:
    given = operation.text("SecretId", "Name")
    if given.startswith("arn:"):
        return [given]
    return [arn("secretsmanager", f"secret:{given}-{RANDOM}")] if given else []


def _kms(operation: Operation) -> list[str]:
    """An alias is made and deleted on itself and on its key; elsewhere it stands for its key (facts.py looks it up)."""
    if operation.name == "ListAliases":
        return []
    key = operation.text("KeyId", "TargetKeyId")
    own = key if key.startswith("alias/") else f"key/{key}"
    keys = [key] if key.startswith("arn:") else [arn("kms", own)] if key else []
    alias = operation.text("AliasName")
    if operation.name == "DeleteAlias":  # it names no key
        keys = [arn("kms", f"{BEHIND}{alias}")]
    return keys + ([arn("kms", alias)] if alias else [])


def _lambda(operation: Operation) -> list[str]:
    given = unquote(operation.text("FunctionName", "Resource"))
    if not given:
        return []
    found = given if given.startswith("arn:") else arn("lambda", f"function:{given}")
    qualifier = operation.text("Qualifier")
    on_version = qualifier and operation.name in ("Invoke", "GetFunction", "GetFunctionConfiguration")
    return [f"{found}:{qualifier}" if on_version else found]


def _iam(operation: Operation) -> list[str]:
    for member, kind in (("RoleName", "role"), ("GroupName", "group"), ("InstanceProfileName", "instance-profile")):
        if name := operation.text(member):
            return [arn("iam", f"{kind}/{name}", "")]
    if operation.name == "CreateOpenIDConnectProvider":
        return [arn("iam", f"oidc-provider/{operation.text('Url').removeprefix('https://')}", "")]
    if operation.name == "CreateServiceLinkedRole":
        return [service_linked_role(operation.text("AWSServiceName"))]
    if operation.name in ("CreatePolicy",):
        return [arn("iam", f"policy/{operation.text('PolicyName')}", "")]
    given = operation.text("OpenIDConnectProviderArn", "PolicyArn", "PolicySourceArn")
    if given:
        return [given]
    return [arn("iam", f"user/{operation.text('UserName')}", "")] if operation.text("UserName") else []


SERVICE_LINKED_ROLES = {
    "sagemaker.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
    "airflow.amazonaws.com": "AWSServiceRoleForAmazonMWAA",
}


def service_linked_role(service: str) -> str:
    """ARN of the role that a service makes for itself."""
    return arn("iam", f"role/aws-service-role/{service}/{SERVICE_LINKED_ROLES.get(service, ANY)}", "")


def _sts(operation: Operation) -> list[str]:
    return [operation.text("RoleArn")] if operation.text("RoleArn") else []


def _airflow(operation: Operation) -> list[str]:
    if operation.text("ResourceArn"):
        return [operation.text("ResourceArn")]
    name = operation.text("Name", "EnvironmentName")
    return [arn("airflow", f"environment/{name}")] if name else []


AIRFLOW_ROLES = ("Admin", "Op", "User", "Viewer", "Public")


def airflow_roles(environment: str) -> list[str]:
    """The Airflow roles that a caller of InvokeRestApi and CreateWebLoginToken may have: one must be allowed.

    Source: https://docs.aws.amazon.com/mwaa/latest/userguide/access-policies.html
    """
    return [arn("airflow", f"role/{environment}/{role}") for role in AIRFLOW_ROLES]


def _cloudwatch(operation: Operation) -> list[str]:
    """Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html"""
    if operation.text("ResourceARN"):
        return [operation.text("ResourceARN")]
    fields = operation.parameters
    numbered = [str(value) for name, value in fields.items() if name.startswith(("AlarmNames.", "DashboardNames."))]
    listed = [*numbered, *map(str, fields.get("AlarmNames") or []), *map(str, fields.get("DashboardNames") or [])]
    if "Dashboard" in operation.name and operation.name != "ListDashboards":
        names = listed or [operation.text("DashboardName")]
        return [arn("cloudwatch", f"dashboard/{name}", "") for name in names]
    if "Alarm" in operation.name:
        names = listed or [operation.text("AlarmName") or ANY]
        return [arn("cloudwatch", f"alarm:{name}") for name in names]
    return []


def _budgets(operation: Operation) -> list[str]:
    if operation.text("ResourceARN"):
        return [operation.text("ResourceARN")]
    budget = operation.parameters.get("Budget") or operation.parameters.get("NewBudget") or {}
    name = operation.text("BudgetName") or str(budget.get("BudgetName", ANY))
    return [arn("budgets", f"budget/{name}", "")]


SERVICES: dict[str, Callable[[Operation], list[str]]] = {
    "sagemaker": _sagemaker_any,
    "application-autoscaling": _scaling,
    "ecr": _ecr,
    "logs": _logs,
    "sns": _sns,
    "sqs": _sqs,
    "secretsmanager": _secrets,
    "kms": _kms,
    "lambda": _lambda,
    "iam": _iam,
    "sts": _sts,
    "airflow": _airflow,
    "monitoring": _cloudwatch,
    "budgets": _budgets,
    "ec2": networking.resources,
}
