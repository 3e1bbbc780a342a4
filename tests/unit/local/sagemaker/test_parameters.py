"""Every parameter of every operation that is answered has a fate, and what is refused is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from modelway_local.sagemaker.api import operations
from modelway_local.sagemaker.parameter_page import PAGE, page
from modelway_local.sagemaker.parameters import (
    NAMING,
    RUNTIME_OPERATIONS,
    TABLE,
    Fate,
    RefusedParameter,
    members,
    refuse_what_is_not_done,
    rule,
)

ROOT = Path(__file__).parents[4]
ANSWERED = [*operations(), *RUNTIME_OPERATIONS]


def test_there_is_something_to_judge() -> None:
    assert {"CreateTrainingJob", "CreateEndpointConfig", "DescribeModel"} <= set(ANSWERED)


@pytest.mark.parametrize("operation", ANSWERED)
def test_each_member_of_botocores_shape_has_a_fate(operation: str) -> None:
    assert [path for path in members(operation) if rule(operation, path) is None] == []


@pytest.mark.parametrize("operation", ANSWERED)
def test_what_is_only_recorded_has_a_reason(operation: str) -> None:
    written = [(path, rule(operation, path)) for path in members(operation)]
    assert [path for path, one in written if one and one[1].fate is Fate.RECORDED and not one[1].reason] == []


def test_each_rule_is_about_a_member() -> None:
    written = {(operation, path) for operation, rules in TABLE.items() for path in rules}
    used = {(operation, one[0]) for operation in TABLE for path in members(operation) if (one := rule(operation, path))}
    assert written == used


def test_operations_without_a_table_take_a_name_only() -> None:
    for operation in set(ANSWERED) - set(TABLE):
        assert operation.startswith(NAMING)
        assert len(list(members(operation))) == 1


def test_the_page_is_current() -> None:
    assert (ROOT / PAGE).read_text() == page(operations()), "run: python -m modelway_local.sagemaker.parameter_page"


SOURCE = {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in/"}
VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
CHANNEL: dict[str, Any] = {"ChannelName": "train", "DataSource": {"S3DataSource": SOURCE}}


def channel(**changes: Any) -> dict[str, Any]:
    return {"InputDataConfig": [CHANNEL, {**CHANNEL, **changes}]}


@pytest.mark.parametrize(
    ("operation", "request_", "named"),
    [
        pytest.param(
            "CreateTrainingJob",
            {"AlgorithmSpecification": {"TrainingInputMode": "Pipe"}},
            "AlgorithmSpecification.TrainingInputMode = 'Pipe'",
            id="pipe",
        ),
        pytest.param(
            "CreateTrainingJob", channel(InputMode="FastFile"), "InputDataConfig[1].InputMode", id="fast file"
        ),
        pytest.param("CreateTrainingJob", channel(CompressionType="Gzip"), "CompressionType = 'Gzip'", id="gzip"),
        pytest.param(
            "CreateTrainingJob",
            channel(DataSource={"S3DataSource": {**SOURCE, "S3DataType": "AugmentedManifestFile"}}),
            "S3DataType = 'AugmentedManifestFile'",
            id="augmented manifest",
        ),
        pytest.param(
            "CreateTrainingJob",
            channel(DataSource={"FileSystemDataSource": {"FileSystemId": "fs-1"}}),
            "InputDataConfig[1].DataSource.FileSystemDataSource",
            id="file system",
        ),
        pytest.param(
            "CreateTrainingJob", {"ResourceConfig": {"InstanceCount": 2}}, "InstanceCount = '2'", id="two instances"
        ),
        pytest.param("CreateTrainingJob", {"VpcConfig": {"Subnets": ["s"]}}, "VpcConfig", id="vpc"),
        pytest.param("CreateTrainingJob", {"NewInThisBotocore": 1}, "NewInThisBotocore", id="unknown"),
        pytest.param("CreateModel", {"Containers": [{"Image": "i"}]}, "Containers", id="containers"),
        pytest.param(
            "CreateModel", {"PrimaryContainer": {"Mode": "MultiModel"}}, "Mode = 'MultiModel'", id="many models"
        ),
        pytest.param(
            "CreateEndpointConfig",
            {"ProductionVariants": [VARIANT, {**VARIANT, "ServerlessConfig": {"MemorySizeInMB": 2048}}]},
            "ProductionVariants[1].ServerlessConfig",
            id="serverless",
        ),
        pytest.param(
            "CreateEndpointConfig", {"AsyncInferenceConfig": {"OutputConfig": {}}}, "Async", id="asynchronous"
        ),
        pytest.param("CreateEndpointConfig", {"ShadowProductionVariants": [VARIANT]}, "Shadow", id="shadow"),
        pytest.param(
            "CreateEndpointConfig", {"DataCaptureConfig": {"EnableCapture": True}}, "EnableCapture", id="capture"
        ),
        pytest.param(
            "UpdateEndpoint",
            {"DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "CANARY"}}}},
            "Type = 'CANARY'",
            id="canary",
        ),
        pytest.param(
            "UpdateEndpoint",
            {"DeploymentConfig": {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}},
            "AutoRollbackConfiguration",
            id="alarms",
        ),
        pytest.param("CreateTransformJob", {"DataProcessing": {"JoinSource": "Input"}}, "JoinSource", id="join"),
        pytest.param("CreateTransformJob", {"TransformInput": {"SplitType": "RecordIO"}}, "SplitType", id="record io"),
        pytest.param("InvokeEndpoint", {"TargetModel": "a.tar.gz"}, "TargetModel", id="target model"),
        pytest.param("InvokeEndpoint", {"SessionId": "NEW_SESSION"}, "SessionId", id="session"),
    ],
)
def test_what_is_not_done_is_refused_by_name(operation: str, request_: dict[str, Any], named: str) -> None:
    with pytest.raises(RefusedParameter) as caught:
        refuse_what_is_not_done(operation, request_)
    assert (caught.value.code, caught.value.status) == ("NotImplemented", 501)
    assert f"{operation} with " in caught.value.message
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        pytest.param("CreateTrainingJob", {"HyperParameters": {"anything": "x"}, "Environment": {"A": "b"}}, id="maps"),
        pytest.param("CreateTrainingJob", {"VpcConfig": None, "DebugRuleConfigurations": []}, id="nothing said"),
        pytest.param("CreateEndpointConfig", {"EnableNetworkIsolation": False}, id="false"),
        pytest.param(
            "CreateEndpointConfig",
            {"DataCaptureConfig": {"EnableCapture": False, "DestinationS3Uri": "s3://b", "CaptureOptions": [{"a": 1}]}},
            id="capture off",
        ),
        pytest.param("CreateModelPackage", {"ModelMetrics": {"Bias": {"Report": {"S3Uri": "s3://b"}}}}, id="recorded"),
        pytest.param(
            "CreateTrainingJob", channel(InputMode="File", CompressionType="None"), id="the value that is done"
        ),
    ],
)
def test_what_is_done_or_says_nothing_passes(operation: str, request_: dict[str, Any]) -> None:
    refuse_what_is_not_done(operation, request_)
