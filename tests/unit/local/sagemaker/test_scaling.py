"""Application Auto Scaling: what is registered, what is refused, and how many instances that leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from modelway_local.gateway.errors import AwsError
from modelway_local.sagemaker.scaling import AutoScaling
from modelway_local.sagemaker.store import Store

VARIANT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/e/variant/AllTraffic",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
INVOCATIONS = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
TRACKING = {"TargetValue": 100.0, "PredefinedMetricSpecification": INVOCATIONS}
CPU = {
    "TargetValue": 60.0,
    "CustomizedMetricSpecification": {
        "MetricName": "CPUUtilization",
        "Namespace": "/aws/sagemaker/Endpoints",
        "Dimensions": [{"Name": "EndpointName", "Value": "e"}],
        "Statistic": "Average",
    },
}


class CloudWatch:
    """Keeps alarms."""

    def __init__(self) -> None:
        self.alarms: dict[str, dict[str, Any]] = {}

    def put_metric_alarm(self, **request: Any) -> None:
        self.alarms[request["AlarmName"]] = request

    def delete_alarms(self, AlarmNames: list[str]) -> None:  # noqa: N803 - boto3's name
        for name in AlarmNames:
            del self.alarms[name]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An endpoint `e` with one instance."""
    made = Store(tmp_path)
    made.put("endpoint-config", "c", {"ProductionVariants": [{"VariantName": "AllTraffic"}]})
    made.put("endpoint", "e", {"EndpointConfigName": "c", "_Counts": {"AllTraffic": 1}})
    return made


@pytest.fixture
def cloudwatch() -> CloudWatch:
    return CloudWatch()


@pytest.fixture
def scaling(store: Store, cloudwatch: CloudWatch) -> AutoScaling:
    return AutoScaling(store, cloudwatch)


def register(scaling: AutoScaling, **bounds: Any) -> str:
    answer = scaling.call("RegisterScalableTarget", {**VARIANT, "MinCapacity": 1, "MaxCapacity": 4, **bounds})
    return str(answer["ScalableTargetARN"])


def put(scaling: AutoScaling, name: str, tracking: dict[str, Any]) -> dict[str, Any]:
    policy = {"PolicyName": name, "PolicyType": "TargetTrackingScaling"}
    return scaling.call("PutScalingPolicy", {**VARIANT, **policy, "TargetTrackingScalingPolicyConfiguration": tracking})


def count(store: Store) -> int:
    return int((store.get("endpoint", "e") or {})["_Counts"]["AllTraffic"])


def refused(scaling: AutoScaling, operation: str, request: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(AwsError) as raised:
        scaling.call(operation, request)
    return raised.value.code, raised.value.message


def test_capacity_is_brought_within_the_bounds_and_noted(scaling: AutoScaling, store: Store) -> None:
    register(scaling, MinCapacity=2)
    assert count(store) == 2
    register(scaling, MinCapacity=1, MaxCapacity=1)
    assert count(store) == 1
    register(scaling)
    assert count(store) == 1
    activities = scaling.call("DescribeScalingActivities", VARIANT)["ScalingActivities"]
    assert {one["Description"] for one in activities} == {f"Setting desired instance count to {n}." for n in (1, 2)}


def test_a_second_registration_changes_what_it_names(scaling: AutoScaling) -> None:
    first = register(scaling)
    again = scaling.call("RegisterScalableTarget", {**VARIANT, "MaxCapacity": 9})
    assert again["ScalableTargetARN"] == first
    wanted = {"ServiceNamespace": "sagemaker", "ResourceIds": [VARIANT["ResourceId"]]}
    [target] = scaling.call("DescribeScalableTargets", wanted)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 9)


def test_a_policy_has_two_alarms_that_follow_it(scaling: AutoScaling, cloudwatch: CloudWatch) -> None:
    register(scaling)
    put(scaling, "invocations", TRACKING)
    alarms = put(scaling, "invocations", {**TRACKING, "TargetValue": 200.0})["Alarms"]
    assert {alarm["AlarmName"] for alarm in alarms} == set(cloudwatch.alarms)
    high = next(alarm for name, alarm in cloudwatch.alarms.items() if "AlarmHigh" in name)
    assert (high["Threshold"], high["MetricName"]) == (200.0, "InvocationsPerInstance")
    assert high["AlarmName"].startswith("TargetTracking-endpoint/e/variant/AllTraffic-AlarmHigh-")
    put(scaling, "cpu", CPU)
    assert len(cloudwatch.alarms) == 4
    scaling.call("DeleteScalingPolicy", {**VARIANT, "PolicyName": "cpu"})
    [policy] = scaling.call("DescribeScalingPolicies", VARIANT)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 200.0
    scaling.call("DeregisterScalableTarget", VARIANT)
    assert cloudwatch.alarms == {}
    assert scaling.call("DescribeScalingPolicies", VARIANT)["ScalingPolicies"] == []


def test_a_deleted_endpoint_takes_its_registration_along(scaling: AutoScaling, cloudwatch: CloudWatch) -> None:
    register(scaling)
    put(scaling, "invocations", TRACKING)
    scaling.forget("other")
    assert scaling.target("e", "AllTraffic")
    scaling.forget("e")
    assert scaling.target("e", "AllTraffic") is None
    assert cloudwatch.alarms == {}


def test_what_cannot_be_registered(scaling: AutoScaling) -> None:
    bounds = {"MinCapacity": 1, "MaxCapacity": 2}
    unknown = {**VARIANT, **bounds, "ResourceId": "endpoint/other/variant/AllTraffic"}
    assert "Could not find variant" in refused(scaling, "RegisterScalableTarget", unknown)[1]
    swapped = {**VARIANT, "MinCapacity": 3, "MaxCapacity": 2}
    assert "cannot be less than minimum" in refused(scaling, "RegisterScalableTarget", swapped)[1]
    assert "MinCapacity must be given" in refused(scaling, "RegisterScalableTarget", {**VARIANT, "MaxCapacity": 2})[1]
    other = {**VARIANT, **bounds, "ScalableDimension": "ecs:service:DesiredCount"}
    assert "Unsupported" in refused(scaling, "RegisterScalableTarget", other)[1]


def test_nothing_is_put_on_what_is_not_registered(scaling: AutoScaling) -> None:
    for operation, more in (
        ("DeregisterScalableTarget", {}),
        ("DeleteScalingPolicy", {"PolicyName": "p"}),
        ("PutScalingPolicy", {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}),
    ):
        assert refused(scaling, operation, {**VARIANT, **more})[0] == "ObjectNotFoundException"
    register(scaling)
    assert refused(scaling, "DeleteScalingPolicy", {**VARIANT, "PolicyName": "p"})[0] == "ObjectNotFoundException"


def test_one_policy_a_metric(scaling: AutoScaling) -> None:
    register(scaling)
    put(scaling, "one", TRACKING)
    with pytest.raises(AwsError, match="Only one TargetTrackingScaling policy"):
        put(scaling, "two", {**TRACKING, "TargetValue": 5.0})


def test_tags_of_a_target(scaling: AutoScaling) -> None:
    target = register(scaling, Tags={"a": "b"})
    scaling.call("TagResource", {"ResourceARN": target, "Tags": {"c": "d"}})
    scaling.call("UntagResource", {"ResourceARN": target, "TagKeys": ["a"]})
    assert scaling.call("ListTagsForResource", {"ResourceARN": target})["Tags"] == {"c": "d"}
    gone = {"ResourceARN": target.replace("/", "/0")}
    assert refused(scaling, "ListTagsForResource", gone)[0] == "ResourceNotFoundException"


def test_what_is_not_there_is_an_honest_501(scaling: AutoScaling) -> None:
    register(scaling)
    step = {**VARIANT, "PolicyName": "p", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {}}
    assert refused(scaling, "PutScalingPolicy", step)[0] == "NotImplemented"
    assert refused(scaling, "DescribeScalableTargets", {"ServiceNamespace": "ecs"})[0] == "NotImplemented"
    assert refused(scaling, "PutScheduledAction", {})[0] == "NotImplemented"
