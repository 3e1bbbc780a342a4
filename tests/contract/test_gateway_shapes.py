"""What the local SageMaker answers has the shape that botocore's service model promises."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from modelway_local.gateway.validation import service_model
from modelway_local.sagemaker.api import SageMaker
from moto.server import ThreadedMotoServer

from tests.tiny_image import image as tiny

pytestmark = pytest.mark.integration

IMAGE = "127.0.0.1:4566/modelway/tiny:1.0.0"
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "timestamp": (int, float),
    "list": list,
    "map": dict,
    "structure": dict,
}


def _is(value: object, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and isinstance(value, bool) == (kind == "boolean")


def problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Each place at or below `value` that breaks the shape: a type, an unknown or missing member, a wrong word."""
    kind = shape.type_name
    if not _is(value, kind):
        yield f"{path}: {value!r} is no {kind}"
    elif kind == "structure":
        yield from (f"{path}.{name} is not in the model" for name in value.keys() - shape.members.keys())
        yield from (f"{path}.{name} is missing" for name in set(shape.required_members) - value.keys())
        for name in value.keys() & shape.members.keys():
            yield from problems(shape.members[name], value[name], f"{path}.{name}")
    elif kind == "list":
        for number, item in enumerate(value):
            yield from problems(shape.member, item, f"{path}[{number}]")
    elif kind == "map":
        for key, item in value.items():
            yield from problems(shape.value, item, f"{path}[{key}]")
    elif value not in (words := shape.metadata.get("enum") or [value]):
        yield f"{path}: {value!r} is not one of {words}"


class Caller:
    """Calls the service and keeps every answer by operation."""

    def __init__(self, service: SageMaker) -> None:
        self.service = service
        self.answers: dict[str, list[dict[str, Any]]] = {}

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        answer = self.service.call(operation, request)
        self.answers.setdefault(operation, []).append(answer)
        return answer

    def until(self, operation: str, field: str, ended: set[str], **request: Any) -> None:
        """Describe until `field` holds one of `ended`."""
        end = time.monotonic() + 30
        while self(operation, **request)[field] not in ended:
            assert time.monotonic() < end, self.answers[operation][-1]
            time.sleep(0.05)


def run_jobs(call: Caller) -> None:
    data = "s3://data/train/"
    call("CreateTrainingJob", **tiny.training("done", IMAGE, data=data))
    call("CreateTrainingJob", **tiny.training("failed", IMAGE, data=data, fail="1"))
    call("CreateTrainingJob", **tiny.training("stopped", IMAGE, data=data, hang="1"))
    call("StopTrainingJob", TrainingJobName="stopped")
    call("CreateProcessingJob", **tiny.processing("copied", IMAGE, "s3://data/train/"))
    call("CreateProcessingJob", **tiny.processing("broken", IMAGE, "s3://data/train/", FAIL="1"))
    call("CreateProcessingJob", **tiny.processing("halted", IMAGE, "s3://data/train/"))
    call("StopProcessingJob", ProcessingJobName="halted")
    ended = {"Completed", "Failed", "Stopped"}
    for name in ("done", "failed", "stopped"):
        call.until("DescribeTrainingJob", "TrainingJobStatus", ended, TrainingJobName=name)
    for name in ("copied", "broken", "halted"):
        call.until("DescribeProcessingJob", "ProcessingJobStatus", ended, ProcessingJobName=name)
    call("ListTrainingJobs", MaxResults=2)
    call("ListProcessingJobs")


def register(call: Caller) -> None:
    group = {"ModelPackageGroupName": "tiny"}
    tagged = call("CreateModelPackageGroup", **group, Tags=[{"Key": "team", "Value": "risk"}])["ModelPackageGroupArn"]
    call("DescribeModelPackageGroup", **group)
    call("ListModelPackageGroups")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://artifacts/out/done/output/model.tar.gz"}
    types = {"SupportedContentTypes": ["application/json"], "SupportedResponseMIMETypes": ["application/json"]}
    package = call(
        "CreateModelPackage",
        **group,
        ModelPackageDescription="tiny 1.0.0",
        InferenceSpecification={"Containers": [container], **types},
        CustomerMetadataProperties={"model_version": "1.0.0"},
    )["ModelPackageArn"]
    call("UpdateModelPackage", ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="by a test")
    call("DescribeModelPackage", ModelPackageName=package)
    call("ListModelPackages", **group)
    call("AddTags", ResourceArn=tagged, Tags=[{"Key": "cost", "Value": "1"}])
    call("ListTags", ResourceArn=tagged)
    call("DeleteTags", ResourceArn=tagged, TagKeys=["cost"])
    call("DeleteModelPackage", ModelPackageName=package)
    call("DeleteModelPackageGroup", **group)


def deploy(call: Caller) -> None:
    endpoint = {"EndpointName": "tiny"}
    for name in ("good", "other"):
        call("CreateModel", **tiny.model(name, IMAGE))
        call("CreateEndpointConfig", **tiny.endpoint_config(name, AllTraffic=name))
    call("CreateModel", **tiny.model("bad", IMAGE, BROKEN="1"))
    call("CreateEndpointConfig", **tiny.endpoint_config("bad", AllTraffic="bad"))
    settled = {"InService", "Failed"}
    call("CreateEndpoint", **endpoint, EndpointConfigName="good")
    call.until("DescribeEndpoint", "EndpointStatus", settled, **endpoint)
    for config in ("other", "bad"):
        call("UpdateEndpoint", **endpoint, EndpointConfigName=config)
        call.until("DescribeEndpoint", "EndpointStatus", settled, **endpoint)
    weights = [{"VariantName": "AllTraffic", "DesiredWeight": 2.0}]
    call("UpdateEndpointWeightsAndCapacities", **endpoint, DesiredWeightsAndCapacities=weights)
    call("ListEndpoints")
    call("DescribeModel", ModelName="good")
    call("ListModels", MaxResults=1)
    call("DescribeEndpointConfig", EndpointConfigName="good")
    call("ListEndpointConfigs")
    call("DeleteEndpoint", **endpoint)
    call("DeleteEndpointConfig", EndpointConfigName="bad")
    call("DeleteModel", ModelName="bad")


def transform(call: Caller) -> None:
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train/"}}}
    request = {
        "ModelName": "good",
        "TransformInput": {**source, "ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": "s3://artifacts/transformed", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    for name in ("transformed", "halted"):
        call("CreateTransformJob", TransformJobName=name, **request)
    call("StopTransformJob", TransformJobName="halted")
    for name in ("transformed", "halted"):
        ended = {"Completed", "Failed", "Stopped"}
        call.until("DescribeTransformJob", "TransformJobStatus", ended, TransformJobName=name)
    call("ListTransformJobs")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    address = f"http://{host}:{port}"
    s3 = boto3.client(
        "s3", endpoint_url=address, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="a"
    )
    for bucket in ("data", "artifacts"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="data", Key="train/rows.csv", Body=b"1,2\n")
    image = tiny.unpacked(tmp_path_factory.mktemp("rootfs"))
    service = SageMaker(tmp_path_factory.mktemp("home"), address, lambda _: image)
    call = Caller(service)
    try:
        for act in (run_jobs, register, deploy, transform):
            act(call)
        yield call
    finally:
        service.close()
        moto.stop()


def test_every_operation_that_is_implemented_was_called(answers: Caller) -> None:
    assert sorted(answers.answers) == sorted(answers.service.operations())


def test_every_answer_has_its_operations_shape(answers: Caller) -> None:
    found: list[str] = []
    for operation, given in answers.answers.items():
        shape = service_model("sagemaker").operation_model(operation).output_shape
        for answer in given:
            found += list(problems(shape, answer, operation)) if shape is not None else [operation] * bool(answer)
    assert not set(found), "\n".join(sorted(set(found)))


def test_the_paths_through_the_statuses_were_taken(answers: Caller) -> None:
    jobs = {answer["TrainingJobStatus"] for answer in answers.answers["DescribeTrainingJob"]}
    assert jobs >= {"InProgress", "Completed", "Failed", "Stopped"}
    transforms = {answer["TransformJobStatus"] for answer in answers.answers["DescribeTransformJob"]}
    assert transforms >= {"Completed", "Stopped"}
    last = answers.answers["DescribeEndpoint"][-1]
    assert (last["EndpointStatus"], last["EndpointConfigName"]) == ("InService", "other")
