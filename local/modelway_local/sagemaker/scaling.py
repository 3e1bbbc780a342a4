"""Application Auto Scaling of endpoint variants: targets, target tracking policies with their alarms, activities.

Capacity is a number here, since one process stands for all instances of a variant: it is held within a target's bounds
as AWS does at registration, and no alarm ever moves it. Other services' targets answer 501.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from typing import Any

from modelway_local.gateway.errors import AwsError, UnknownOperationError
from modelway_local.gateway.validation import validate_input
from modelway_local.sagemaker.resources import ACCOUNT, REGION, Tags, arn
from modelway_local.sagemaker.store import Resource, Store, now

SERVICE = "application-autoscaling"
TARGET, POLICY, ACTIVITY, ENDPOINT = "scalable-target", "scaling-policy", "scaling-activity", "endpoint"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
# What a policy's metric says as an alarm: namespace, metric and statistic of the one that SageMaker predefines.
PREDEFINED = {
    "SageMakerVariantInvocationsPerInstance": {
        "Namespace": "AWS/SageMaker",
        "MetricName": "InvocationsPerInstance",
        "Statistic": "Sum",
    }
}
# Alarm suffix to its comparison, number of minutes, and share of the target value.
ALARMS = {
    "AlarmHigh": ("GreaterThanThreshold", 3, 1.0),
    "AlarmLow": ("LessThanThreshold", 15, 0.9),
}


def resource_id(endpoint: str, variant: str) -> str:
    """A variant as Application Auto Scaling names it."""
    return f"{ENDPOINT}/{endpoint}/variant/{variant}"


class AutoScaling:
    """Operations by name, over the endpoints of the same store."""

    def __init__(self, store: Store, cloudwatch: Any) -> None:
        self._store, self._cloudwatch, self._tags = store, cloudwatch, Tags(store)
        self._operations: dict[str, Callable[[Resource], Resource]] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._describe_targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DescribeScalingActivities": self._describe_activities,
            "ListTagsForResource": lambda request: {"Tags": self._tags_of(request["ResourceARN"])},
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    def call(self, operation: str, request: Resource) -> Resource:
        """Answer one operation, JSON-ready. Raises AwsError."""
        if operation not in self._operations:
            raise UnknownOperationError(SERVICE, operation)
        validate_input(SERVICE, operation, request)
        namespace = request.get("ServiceNamespace", "sagemaker")
        if namespace != "sagemaker":
            raise UnknownOperationError(SERVICE, f"{operation} for {namespace}")
        with self._store.lock:
            return self._operations[operation](request)

    def target(self, endpoint: str, variant: str) -> Resource | None:
        """The registration of a variant."""
        return self._store.get(TARGET, resource_id(endpoint, variant))

    def forget(self, endpoint: str) -> None:
        """Deregister the variants of an endpoint that is deleted, as SageMaker does."""
        for target in list(self._store.all(TARGET)):
            if target["ResourceId"].startswith(f"{ENDPOINT}/{endpoint}/variant/"):
                self._drop(target)

    # Targets

    def _register(self, request: Resource) -> Resource:
        name = request["ResourceId"]
        endpoint, variant = self._variant(request)
        known = self._store.get(TARGET, name)
        bounds: dict[str, int] = {}
        for key in ("MinCapacity", "MaxCapacity"):
            value = request.get(key, (known or {}).get(key))
            if value is None:
                raise _invalid(f"{key} must be given when a target is first registered")
            bounds[key] = value
        if bounds["MinCapacity"] > bounds["MaxCapacity"]:
            raise _invalid("Maximum capacity cannot be less than minimum capacity")
        role = (
            "sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
        )
        made = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": name,
            "ScalableDimension": DIMENSION,
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{role}",
            "CreationTime": now().timestamp(),
            "ScalableTargetARN": _target_arn(name),
            "SuspendedState": dict.fromkeys(
                ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
            ),
        }
        suspended = {"SuspendedState": request["SuspendedState"]} if "SuspendedState" in request else {}
        self._store.put(TARGET, name, {**made, **(known or {}), **bounds, **suspended})
        if tags := request.get("Tags"):
            self._tags.set(_target_arn(name), _listed(tags))
        self._hold(endpoint, variant, bounds["MinCapacity"], bounds["MaxCapacity"])
        return {"ScalableTargetARN": _target_arn(name)}

    def _hold(self, endpoint: str, variant: str, least: int, most: int) -> None:
        """Bring a variant's capacity within the bounds."""
        live = self._store.get(ENDPOINT, endpoint) or {}
        counts = dict(live.get("_Counts", {}))
        count = int(counts.get(variant, 1))
        held = min(max(count, least), most)
        if held == count:
            return
        self._store.change(ENDPOINT, endpoint, _Counts={**counts, variant: held}, LastModifiedTime=now())
        said: Resource = {
            "ActivityId": str(uuid.uuid4()),
            "ServiceNamespace": "sagemaker",
            "ResourceId": resource_id(endpoint, variant),
            "ScalableDimension": DIMENSION,
            "Description": f"Setting desired instance count to {held}.",
            "Cause": f"{'minimum' if held > count else 'maximum'} capacity was set to {held}",
            "StartTime": now().timestamp(),
            "EndTime": now().timestamp(),
            "StatusCode": "Successful",
            "StatusMessage": f"Successfully set desired instance count to {held}.",
        }
        self._store.put(ACTIVITY, said["ActivityId"], said)

    def _deregister(self, request: Resource) -> Resource:
        self._drop(self._registered(request))
        return {}

    def _drop(self, target: Resource) -> None:
        """A target goes with its policies and their alarms."""
        for policy in self._policies(target["ResourceId"]):
            self._forget_policy(policy)
        self._tags.forget(target["ScalableTargetARN"])
        self._store.delete(TARGET, target["ResourceId"])

    def _describe_targets(self, request: Resource) -> Resource:
        wanted = request.get("ResourceIds")
        found = [one for one in self._store.all(TARGET) if wanted is None or one["ResourceId"] in wanted]
        return {"ScalableTargets": [_public(one) for one in found]}

    def _variant(self, request: Resource) -> tuple[str, str]:
        """Endpoint and variant, which must exist."""
        found = RESOURCE.fullmatch(request["ResourceId"])
        if found is None or request["ScalableDimension"] != DIMENSION:
            raise _invalid("Unsupported service namespace, resource type or scalable dimension")
        endpoint, variant = found[1], found[2]
        live = self._store.get(ENDPOINT, endpoint)
        config = self._store.get("endpoint-config", live["EndpointConfigName"]) if live else None
        if config is None or variant not in {one["VariantName"] for one in config["ProductionVariants"]}:
            raise _invalid(f"Could not find variant {variant} of endpoint {arn(ENDPOINT, endpoint)}")
        return endpoint, variant

    def _registered(self, request: Resource) -> Resource:
        target = self._store.get(TARGET, request["ResourceId"])
        if target is None or request["ScalableDimension"] != DIMENSION:
            where = f"resource ID: {request['ResourceId']}, scalable dimension: {request['ScalableDimension']}"
            message = f"No scalable target registered for service namespace: sagemaker, {where}"
            raise AwsError("ObjectNotFoundException", message)
        return target

    # Policies

    def _put_policy(self, request: Resource) -> Resource:
        target = self._registered(request)
        name, tracking = request["PolicyName"], request.get("TargetTrackingScalingPolicyConfiguration")
        if request.get("PolicyType", "StepScaling") != "TargetTrackingScaling" or tracking is None:
            raise UnknownOperationError(SERVICE, f"PutScalingPolicy of {request.get('PolicyType', 'StepScaling')}")
        for other in self._policies(target["ResourceId"]):
            same = _metric(other["TargetTrackingScalingPolicyConfiguration"]) == _metric(tracking)
            if same and other["PolicyName"] != name:
                raise _invalid("Only one TargetTrackingScaling policy for a given metric specification is allowed")
        key = f"{target['ResourceId']}:{name}"
        known = self._store.get(POLICY, key)
        if known is not None:
            self._forget_policy(known)
        policy_arn = _policy_arn(target["ResourceId"], name)
        policy = {
            **{field: target[field] for field in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
            "PolicyName": name,
            "PolicyARN": policy_arn,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": tracking,
            "Alarms": self._make_alarms(target["ResourceId"], policy_arn, tracking),
            "CreationTime": (known or {}).get("CreationTime", now().timestamp()),
        }
        self._store.put(POLICY, key, policy)
        return {"PolicyARN": policy_arn, "Alarms": policy["Alarms"]}

    def _make_alarms(self, resource: str, policy_arn: str, tracking: Resource) -> list[dict[str, str]]:
        made = []
        for kind, (comparison, minutes, share) in ALARMS.items():
            name = f"TargetTracking-{resource}-{kind}-{uuid.uuid5(uuid.NAMESPACE_URL, f'{policy_arn}{kind}')}"
            self._cloudwatch.put_metric_alarm(
                AlarmName=name,
                AlarmDescription=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy_arn}.",
                AlarmActions=[policy_arn],
                ComparisonOperator=comparison,
                EvaluationPeriods=minutes,
                Period=60,
                Threshold=tracking["TargetValue"] * share,
                **_watched(resource, tracking),
            )
            made.append({"AlarmName": name, "AlarmARN": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"})
        return made

    def _delete_policy(self, request: Resource) -> Resource:
        target = self._registered(request)
        policy = self._store.get(POLICY, f"{target['ResourceId']}:{request['PolicyName']}")
        if policy is None:
            raise AwsError("ObjectNotFoundException", f"No scaling policy found with name: {request['PolicyName']}")
        self._forget_policy(policy)
        return {}

    def _forget_policy(self, policy: Resource) -> None:
        self._cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"] for alarm in policy["Alarms"]])
        self._store.delete(POLICY, f"{policy['ResourceId']}:{policy['PolicyName']}")

    def _policies(self, resource: str) -> list[Resource]:
        return [one for one in self._store.all(POLICY) if one["ResourceId"] == resource]

    def _describe_policies(self, request: Resource) -> Resource:
        resource, names = request.get("ResourceId"), request.get("PolicyNames")
        found = [
            _public(one)
            for one in self._store.all(POLICY)
            if resource in (None, one["ResourceId"]) and (names is None or one["PolicyName"] in names)
        ]
        return {"ScalingPolicies": found}

    def _describe_activities(self, request: Resource) -> Resource:
        resource = request.get("ResourceId")
        found = [_public(one) for one in self._store.all(ACTIVITY) if resource in (None, one["ResourceId"])]
        return {"ScalingActivities": sorted(found, key=lambda one: -float(one["StartTime"]))}

    # Tags

    def _tags_of(self, target_arn: str) -> dict[str, str]:
        if target_arn not in {one["ScalableTargetARN"] for one in self._store.all(TARGET)}:
            raise AwsError("ResourceNotFoundException", f"The resource {target_arn} does not exist")
        return {tag["Key"]: tag["Value"] for tag in self._tags.of(target_arn)}

    def _tag(self, request: Resource) -> Resource:
        self._tags_of(request["ResourceARN"])
        self._tags.set(request["ResourceARN"], _listed(request["Tags"]))
        return {}

    def _untag(self, request: Resource) -> Resource:
        self._tags_of(request["ResourceARN"])
        self._tags.remove(request["ResourceARN"], request["TagKeys"])
        return {}


def _watched(resource: str, tracking: Resource) -> Resource:
    """The metric of a policy in PutMetricAlarm's words. Raises AwsError for one that SageMaker does not predefine."""
    if custom := tracking.get("CustomizedMetricSpecification"):
        fields = ("Namespace", "MetricName", "Dimensions", "Statistic", "Unit")
        return {field: custom[field] for field in fields if field in custom}
    kind = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "none")
    if kind not in PREDEFINED:
        raise _invalid(f"Invalid predefined metric type {kind} for service namespace sagemaker")
    _, endpoint, _, variant = resource.split("/")
    names = {"EndpointName": endpoint, "VariantName": variant}
    return {**PREDEFINED[kind], "Dimensions": [{"Name": name, "Value": value} for name, value in names.items()]}


def _metric(tracking: Resource) -> Any:
    return tracking.get("PredefinedMetricSpecification") or tracking.get("CustomizedMetricSpecification")


def _public(resource: Resource) -> Resource:
    return {key: value for key, value in resource.items() if not key.startswith("_")}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _target_arn(resource: str) -> str:
    return f"arn:aws:{SERVICE}:{REGION}:{ACCOUNT}:scalable-target/{hashlib.sha256(resource.encode()).hexdigest()[:36]}"


def _policy_arn(resource: str, name: str) -> str:
    unique = uuid.uuid5(uuid.NAMESPACE_URL, f"{resource}/{name}")
    return (
        f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:{unique}:resource/sagemaker/{resource}:policyName/{name}"
    )


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
