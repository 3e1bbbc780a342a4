"""SageMaker's endpoints and their runtime in memory: a change is done at once, or stays where a test puts it."""

from __future__ import annotations

import io
from typing import Any

from botocore.exceptions import ClientError

from modelway.contracts import DeploymentRequest

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
        "provenance": {"project_path": "g/p", "commit_sha": "b" * 40, "pipeline_id": "7"},
    }
)


def missing(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find it"}}, operation)


class SageMaker:
    """One endpoint at most; `calls` lists what changed it."""

    def __init__(self, **live: Any) -> None:
        self.live: dict[str, Any] | None = {"EndpointArn": "arn:endpoint", **live} if live else None
        self.calls: list[str] = []
        self.packages = {REQUEST.model_package_arn: "Approved"}
        self.configs: list[str] = []
        self.fails: set[str] = set()

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if ModelPackageName not in self.packages:
            raise missing("DescribeModelPackage")
        return {"ModelApprovalStatus": self.packages[ModelPackageName]}

    def create_endpoint_config(self, **request: Any) -> None:
        self.configs.append(request["EndpointConfigName"])

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        if self.live is None:
            raise missing("DescribeEndpoint")
        return dict(self.live)

    def create_endpoint(self, EndpointName: str, EndpointConfigName: str, Tags: list[Any]) -> None:  # noqa: N803
        assert self.live is None, "an endpoint is created over another"
        self._serve("create", EndpointConfigName)

    def update_endpoint(self, EndpointName: str, EndpointConfigName: str) -> None:  # noqa: N803
        assert self.live is not None
        assert self.live["EndpointStatus"] == "InService", "SageMaker refuses to update it"
        self._serve("update", EndpointConfigName)

    def delete_endpoint(self, EndpointName: str) -> None:  # noqa: N803
        self.calls.append("delete")
        self.live = None

    def _serve(self, call: str, config: str) -> None:
        self.calls.append(f"{call} {config}")
        status = "Failed" if config in self.fails else "InService"
        self.live = {"EndpointArn": "arn:endpoint", "EndpointStatus": status, "EndpointConfigName": config}


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
    """Texts by key: the artifacts bucket."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def put(self, key: str, text: str) -> None:
        self.texts[key] = text

    def get(self, key: str) -> str | None:
        return self.texts.get(key)
