"""ECR's API tells what was pushed, in ECR's words."""

from __future__ import annotations

from typing import Any

import pytest
from modelway_local.gateway.errors import AwsError

REPOSITORY = {"repositoryName": "modelway/fraud"}
ARN = "arn:aws:ecr:eu-west-1:123456789012:repository/modelway/fraud"


def refusal(registry: Any, operation: str, **request: Any) -> str:
    """The code of the error that an operation answers with."""
    with pytest.raises(AwsError) as caught:
        registry.ecr.handle(operation, request)
    return caught.value.code


def test_a_repository_is_made_once_and_found(registry: Any) -> None:
    found = registry.ecr.handle("DescribeRepositories", {"repositoryNames": ["modelway/fraud"]})["repositories"]
    assert found[0]["repositoryUri"] == "127.0.0.1:4566/modelway/fraud"
    assert refusal(registry, "CreateRepository", **REPOSITORY) == "RepositoryAlreadyExistsException"
    assert refusal(registry, "DescribeRepositories", repositoryNames=["no/body"]) == "RepositoryNotFoundException"


def test_pushed_images_are_described_listed_and_got(registry: Any) -> None:
    digest = registry.push("1.0.0")
    detail = registry.ecr.handle("DescribeImages", {**REPOSITORY, "imageIds": [{"imageTag": "1.0.0"}]})["imageDetails"]
    assert [(image["imageDigest"], image["imageTags"]) for image in detail] == [(digest, ["1.0.0"])]
    listed = registry.ecr.handle("ListImages", REPOSITORY)["imageIds"]
    assert listed == [{"imageDigest": digest, "imageTag": "1.0.0"}]
    asked = {**REPOSITORY, "imageIds": [{"imageTag": "1.0.0"}, {"imageTag": "2.0.0"}]}
    got = registry.ecr.handle("BatchGetImage", asked)
    assert [image["imageId"]["imageDigest"] for image in got["images"]] == [digest]
    assert [failure["failureCode"] for failure in got["failures"]] == ["ImageNotFound"]
    assert refusal(registry, "DescribeImages", **REPOSITORY, imageIds=[{"imageTag": "2.0.0"}]) == (
        "ImageNotFoundException"
    )


def test_put_image_keeps_tags_immutable(registry: Any) -> None:
    one, two = (registry.manifest(layer).decode() for layer in (b"one", b"two"))
    registry.ecr.handle("PutImage", {**REPOSITORY, "imageManifest": one, "imageTag": "1.0.0"})
    again = {**REPOSITORY, "imageTag": "1.0.0"}
    assert refusal(registry, "PutImage", **again, imageManifest=one) == "ImageAlreadyExistsException"
    assert refusal(registry, "PutImage", **again, imageManifest=two) == "ImageTagAlreadyExistsException"
    assert refusal(registry, "PutImage", **again, imageManifest="{}") == "InvalidParameterException"


def test_a_tag_goes_alone_and_the_image_with_its_last(registry: Any) -> None:
    digest = registry.push("1.0.0")
    assert registry.push("stable") == digest
    delete = {**REPOSITORY, "imageIds": [{"imageTag": "1.0.0"}]}
    assert registry.ecr.handle("BatchDeleteImage", delete)["failures"] == []
    assert registry.store.tags("modelway/fraud") == {"stable": digest}
    assert registry.ecr.handle("BatchDeleteImage", delete)["failures"][0]["failureCode"] == "ImageNotFound"
    registry.ecr.handle("BatchDeleteImage", {**REPOSITORY, "imageIds": [{"imageTag": "stable"}]})
    assert registry.store.digests("modelway/fraud") == []


def test_a_repository_with_images_goes_by_force_only(registry: Any) -> None:
    registry.push("1.0.0")
    assert refusal(registry, "DeleteRepository", **REPOSITORY) == "RepositoryNotEmptyException"
    registry.ecr.handle("DeleteRepository", {**REPOSITORY, "force": True})
    assert refusal(registry, "ListImages", **REPOSITORY) == "RepositoryNotFoundException"


def test_settings_are_kept(registry: Any) -> None:
    assert refusal(registry, "GetLifecyclePolicy", **REPOSITORY) == "LifecyclePolicyNotFoundException"
    policy = '{"rules": [{"rulePriority": 1}]}' + " " * 80
    registry.ecr.handle("PutLifecyclePolicy", {**REPOSITORY, "lifecyclePolicyText": policy})
    assert registry.ecr.handle("GetLifecyclePolicy", REPOSITORY)["lifecyclePolicyText"] == policy
    scanning = {"scanOnPush": True}
    registry.ecr.handle("PutImageScanningConfiguration", {**REPOSITORY, "imageScanningConfiguration": scanning})
    found = registry.ecr.handle("DescribeRepositories", {})["repositories"][0]
    assert found["imageScanningConfiguration"] == scanning
    registry.ecr.handle("TagResource", {"resourceArn": ARN, "tags": [{"Key": "team", "Value": "risk"}]})
    tags = registry.ecr.handle("ListTagsForResource", {"resourceArn": ARN})["tags"]
    assert tags == [{"Key": "team", "Value": "risk"}]


def test_no_scan_is_claimed_and_no_mutable_tag_promised(registry: Any) -> None:
    registry.push("1.0.0")
    image = {"imageTag": "1.0.0"}
    assert refusal(registry, "DescribeImageScanFindings", **REPOSITORY, imageId=image) == "ScanNotFoundException"
    mutable = {**REPOSITORY, "imageTagMutability": "MUTABLE"}
    assert refusal(registry, "PutImageTagMutability", **mutable) == "InvalidParameterException"


def test_an_operation_that_is_not_here_is_named(registry: Any) -> None:
    with pytest.raises(AwsError, match="ecr StartImageScan") as caught:
        registry.ecr.handle("StartImageScan", {**REPOSITORY, "imageId": {"imageTag": "1.0.0"}})
    assert caught.value.status == 501


@pytest.mark.parametrize(
    ("kind", "field"), [("LifecyclePolicy", "lifecyclePolicyText"), ("RepositoryPolicy", "policyText")]
)
def test_a_policy_is_put_got_and_deleted(registry: Any, kind: str, field: str) -> None:
    absent = f"{kind}NotFoundException"
    put = "PutLifecyclePolicy" if kind == "LifecyclePolicy" else "SetRepositoryPolicy"
    assert refusal(registry, f"Get{kind}", **REPOSITORY) == absent
    registry.ecr.handle(put, {**REPOSITORY, field: "{}" + " " * 100})
    assert registry.ecr.handle(f"Delete{kind}", REPOSITORY)[field].startswith("{}")
    assert refusal(registry, f"Get{kind}", **REPOSITORY) == refusal(registry, f"Delete{kind}", **REPOSITORY) == absent
