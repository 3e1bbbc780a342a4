"""SageMaker's endpoints and their runtime in memory: a change is done at once, or stays where a test puts it."""

from __future__ import annotations

import copy
import hashlib
import hmac
import io
import threading
from typing import Any

from botocore.exceptions import ClientError

from modelway.aws.store import Tagged
from modelway.contracts import DeploymentRequest, TrainingRequest

DIGEST = "sha256:" + "a" * 64
REQUEST = DeploymentRequest.model_validate(
    {
        "model": {
            "schema_version": 1,
            "name": "fraud-detector",
            "problem_type": "regression",
            "training": {"channels": {"train": "a", "test": "b"}},
            "evaluation": {"metrics": {"rmse": {}}},
        },
        "model_version": "1.0.0+r0",
        "model_package_arn": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1",
        "model_name": "m",
        "image": {"repository_uri": "127.0.0.1:4566/modelway/fraud-detector", "version": "1.0.0", "digest": DIGEST},
        "request_example": '{"rows": [[1]]}',
        "response_example": '{"predictions": [0.5]}',
        "provenance": {"project_path": "g/p", "commit_sha": "b" * 40, "pipeline_id": "7", "triggered_by": "manual"},
    }
)
# The training that REQUEST's package came from.
TRAINED = TrainingRequest(
    model=REQUEST.model,
    image=REQUEST.image,
    provenance=REQUEST.provenance.model_copy(update={"pipeline_id": "6", "triggered_by": "commit"}),
)
CONTAINER = {
    "Image": REQUEST.image.uri,
    "ModelDataUrl": f"s3://a/records/fraud-detector/models/1.0.0-r0/{TRAINED.content_hash()}/model.tar.gz",
    "Environment": {"MODELWAY_MODEL_VERSION": "1.0.0+r0", "MODELWAY_IMAGE_DIGEST": DIGEST},
}
PACKAGE = {
    "ModelPackageArn": REQUEST.model_package_arn,
    "ModelPackageGroupName": "modelway-fraud-detector",
    "ModelApprovalStatus": "Approved",
    "InferenceSpecification": {"Containers": [CONTAINER]},
    "CustomerMetadataProperties": {
        "model_version": "1.0.0+r0",
        "sagemaker_model": "m",
        "request": f"s3://a/records/fraud-detector/1.0.0-r0/{TRAINED.content_hash()}/request.json",
        "request_digest": TRAINED.content_hash(64),
        "approved_by": "ada",
    },
}
MODEL = {"PrimaryContainer": CONTAINER, "ExecutionRoleArn": "e", "EnableNetworkIsolation": True}


def missing(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find it"}}, operation)


class SageMaker:
    """One endpoint at most; `calls` lists what changed it."""

    def __init__(self, **live: Any) -> None:
        self.live: dict[str, Any] | None = {"EndpointArn": "arn:endpoint", **live} if live else None
        self.calls: list[str] = []
        self.packages: dict[str, dict[str, Any]] = {REQUEST.model_package_arn: copy.deepcopy(PACKAGE)}
        self.models: dict[str, dict[str, Any]] = {"m": copy.deepcopy(MODEL)}
        self.configs: list[str] = []
        self.foreign_configs: dict[str, dict[str, Any]] = {}
        self.fails: set[str] = set()
        # Instance type by config, where it is not ml.m5.large; and who is asked before one changes.
        self.types: dict[str, str] = {}
        self.autoscaling = AutoScaling()

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if ModelPackageName not in self.packages:
            raise missing("DescribeModelPackage")
        return copy.deepcopy(self.packages[ModelPackageName])

    def describe_model(self, ModelName: str) -> dict[str, Any]:  # noqa: N803
        if ModelName not in self.models:
            raise missing("DescribeModel")
        return copy.deepcopy(self.models[ModelName])

    def create_endpoint_config(self, **request: Any) -> None:
        if request["EndpointConfigName"] in self.foreign_configs:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "already exists"}}, "Create")
        self.configs.append(request["EndpointConfigName"])

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        if EndpointConfigName in self.foreign_configs:
            return copy.deepcopy(self.foreign_configs[EndpointConfigName])
        return {"ProductionVariants": [{"InstanceType": self.types.get(EndpointConfigName, "ml.m5.large")}]}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        if self.live is None:
            raise missing("DescribeEndpoint")
        return {"EndpointName": EndpointName, **self.live}

    def create_endpoint(self, EndpointName: str, EndpointConfigName: str, Tags: list[Any]) -> None:  # noqa: N803
        assert self.live is None, "an endpoint is created over another"
        self._serve("create", EndpointConfigName)

    def update_endpoint(
        self,
        EndpointName: str,  # noqa: N803
        EndpointConfigName: str,  # noqa: N803
        RetainAllVariantProperties: bool = False,  # noqa: N803
    ) -> None:
        assert self.live is not None
        assert self.live["EndpointStatus"] == "InService", "SageMaker refuses to update it"
        changes = self.types.get(EndpointConfigName) != self.types.get(self.live["EndpointConfigName"])
        assert not (changes and self.autoscaling.targets), "SageMaker refuses to change a registered variant's type"
        self._serve("retaining update" if RetainAllVariantProperties else "update", EndpointConfigName)

    def delete_endpoint(self, EndpointName: str) -> None:  # noqa: N803
        self.calls.append("delete")
        self.live = None

    def _serve(self, call: str, config: str) -> None:
        self.calls.append(f"{call} {config}")
        status = "Failed" if config in self.fails else "InService"
        self.live = {"EndpointArn": "arn:endpoint", "EndpointStatus": status, "EndpointConfigName": config}


class AutoScaling:
    """Application Auto Scaling: targets and policies by what names them; `calls` lists what changed."""

    def __init__(self) -> None:
        self.targets: dict[str, dict[str, Any]] = {}
        self.policies: dict[tuple[str, str], dict[str, Any]] = {}
        self.calls: list[str] = []

    def describe_scalable_targets(
        self,
        ServiceNamespace: str,  # noqa: N803
        ResourceIds: list[str],  # noqa: N803
        ScalableDimension: str,  # noqa: N803
    ) -> dict[str, Any]:
        return {"ScalableTargets": [self.targets[one] for one in ResourceIds if one in self.targets]}

    def describe_scaling_policies(self, ResourceId: str, **_: str) -> dict[str, Any]:  # noqa: N803
        found = [policy for (resource, _), policy in self.policies.items() if resource == ResourceId]
        return {"ScalingPolicies": [{**policy, "PolicyARN": "arn", "Alarms": []} for policy in found]}

    def register_scalable_target(self, **request: Any) -> None:
        self.calls.append(f"register {request['MinCapacity']}-{request['MaxCapacity']}")
        self.targets[request["ResourceId"]] = {**request, "ScalableTargetARN": "arn"}

    def put_scaling_policy(self, **request: Any) -> None:
        self._found(request["ResourceId"], "PutScalingPolicy")
        self.calls.append(f"put {request['PolicyName']}")
        self.policies[request["ResourceId"], request["PolicyName"]] = request

    def delete_scaling_policy(self, ResourceId: str, PolicyName: str, **_: str) -> None:  # noqa: N803
        self.calls.append(f"delete {PolicyName}")
        del self.policies[ResourceId, PolicyName]

    def deregister_scalable_target(self, ResourceId: str, **_: str) -> None:  # noqa: N803
        self._found(ResourceId, "DeregisterScalableTarget")
        self.calls.append("deregister")
        del self.targets[ResourceId]
        self.policies = {key: policy for key, policy in self.policies.items() if key[0] != ResourceId}

    def _found(self, resource: str, operation: str) -> None:
        if resource not in self.targets:
            raise ClientError({"Error": {"Code": "ObjectNotFoundException", "Message": "none"}}, operation)


class Runtime:
    """Answers every request with the same body."""

    def __init__(self, body: str = '{"predictions": [0.25]}', digest: str = DIGEST) -> None:
        self._body, self._attributes = body, f"model_version=1.0.0+r0;image_digest={digest}"
        self.error: Exception | None = None

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {"CustomAttributes": self._attributes, "Body": io.BytesIO(self._body.encode())}


class Texts:
    """Texts by key: the artifacts bucket, with S3's conditional writes; the ETag is a text's MD5."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, key: str, text: str) -> None:
        self.texts[key] = text

    def get(self, key: str) -> str | None:
        return self.texts.get(key)

    def get_tagged(self, key: str) -> Tagged | None:
        text = self.get(key)
        return None if text is None else Tagged(text, _etag(text))

    def put_new(self, key: str, text: str) -> bool:
        return self._put_if(None, key, text)

    def replace(self, key: str, text: str, tag: str) -> bool:
        return self._put_if(tag, key, text)

    def _put_if(self, tag: str | None, key: str, text: str) -> bool:
        with self._lock:
            current = self.get_tagged(key)
            if (current.tag if current else None) != tag:
                return False
            self.texts[key] = text
            return True

    def delete(self, key: str) -> None:
        self.texts.pop(key, None)


def _etag(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Key:
    """A signing key in memory: who has its secret can sign."""

    def __init__(self, secret: bytes = b"ours") -> None:
        self._secret = secret

    def sign(self, message: bytes) -> bytes:
        return hmac.digest(self._secret, message, "sha256")

    def verifies(self, message: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(signature, self.sign(message))
