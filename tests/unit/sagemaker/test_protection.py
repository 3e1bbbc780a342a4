"""Jobs and endpoints reach no network and are encrypted, in every request that starts one."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.model import Shape, StructureShape

from modelway.sagemaker import requests
from modelway.sagemaker.protection import InternetRefused, network, volume_key
from tests.unit.sagemaker.test_requests import DEPLOYMENT, PLATFORM, TRAINING

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
ENCRYPTED = PLATFORM.model_copy(update={"kms_key_id": KEY})
OPEN = TRAINING.model_copy(update={"model": TRAINING.model.model_copy(update={"network": "internet"})})
CREATED = {
    "CreateTrainingJob": lambda request, platform: requests.create_training_job(request, platform, "j"),
    "CreateProcessingJob": lambda request, platform: requests.create_processing_job(
        request, platform, "j", "champion", "i", "s3://a/m"
    ),
    "CreateModel": lambda request, platform: requests.create_model(request, platform, "m", "s3://a/m"),
}


def leaves(shape: Shape, path: str = "") -> set[str]:
    """Dotted names of all fields below a request's structures and lists of them."""
    if shape.type_name == "list":
        return leaves(shape.member, f"{path}[]")  # type: ignore[attr-defined]
    if not isinstance(shape, StructureShape):
        return {path}
    return {leaf for name, member in shape.members.items() for leaf in leaves(member, f"{path}.{name}")}


def values(request: Any, name: str) -> list[Any]:
    """Every value under a key of that name."""
    if isinstance(request, list):
        return [value for item in request for value in values(item, name)]
    if not isinstance(request, dict):
        return []
    below = [value for item in request.values() for value in values(item, name)]
    return [request[name], *below] if name in request else below


def test_every_request_that_can_be_isolated_is_among_these() -> None:
    """By botocore's model: which of the operations that `requests` has take EnableNetworkIsolation."""
    service = botocore.session.get_session().get_service_model("sagemaker")
    ours = {"".join(part.title() for part in name.split("_")) for name in dir(requests) if name.startswith("create_")}
    takes = {
        operation
        for operation in ours
        if any(
            leaf.endswith(".EnableNetworkIsolation") and "ValidationSpecification" not in leaf and "[]" not in leaf
            for leaf in leaves(service.operation_model(operation).input_shape)
        )
    }
    assert takes - {"CreateEndpointConfig"} == set(CREATED)


@pytest.mark.parametrize("operation", CREATED)
@pytest.mark.attack(
    attacker="code of a model",
    tries="sends training data or the model to a host of its own",
    stopped_by="each job and endpoint is created with network isolation",
)
def test_a_model_reaches_no_network(operation: str) -> None:
    assert values(CREATED[operation](TRAINING, PLATFORM), "EnableNetworkIsolation") == [True]


@pytest.mark.parametrize("operation", CREATED)
def test_the_internet_is_asked_for_and_allowed(operation: str) -> None:
    with pytest.raises(InternetRefused, match="set internet = true in the model's block"):
        CREATED[operation](OPEN, PLATFORM)
    allowed = PLATFORM.model_copy(update={"internet_models": f"other,{OPEN.model.name}"})
    assert values(CREATED[operation](OPEN, allowed), "EnableNetworkIsolation") == [False]
    assert network(TRAINING.model, allowed) == {"EnableNetworkIsolation": True}, "who does not ask stays isolated"


def test_volumes_and_outputs_are_encrypted_by_the_platforms_key() -> None:
    training = CREATED["CreateTrainingJob"](TRAINING, ENCRYPTED)
    assert training["OutputDataConfig"]["KmsKeyId"] == training["ResourceConfig"]["VolumeKmsKeyId"] == KEY
    processing = CREATED["CreateProcessingJob"](TRAINING, ENCRYPTED)
    assert processing["ProcessingOutputConfig"]["KmsKeyId"] == KEY
    assert processing["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == KEY
    assert requests.create_endpoint_config(DEPLOYMENT, ENCRYPTED, "c")["KmsKeyId"] == KEY


def test_without_a_key_none_is_named() -> None:
    created = [CREATED[operation](TRAINING, PLATFORM) for operation in CREATED]
    created.append(requests.create_endpoint_config(DEPLOYMENT, PLATFORM, "c"))
    assert values(created, "KmsKeyId") == values(created, "VolumeKmsKeyId") == []


@pytest.mark.parametrize(
    ("instance_type", "encrypts_itself"),
    [
        ("ml.m5.large", False),
        ("ml.c7i.xlarge", False),
        ("ml.p3.2xlarge", False),
        ("ml.inf2.xlarge", False),
        ("ml.m5d.large", True),
        ("ml.c6gd.xlarge", True),
        ("ml.g4dn.xlarge", True),
        ("ml.g5.xlarge", True),
        ("ml.g6e.xlarge", True),
        ("ml.p3dn.24xlarge", True),
        ("ml.p4de.24xlarge", True),
        ("ml.p5en.48xlarge", True),
        ("ml.p6-b200.48xlarge", True),
        ("ml.trn1.2xlarge", True),
    ],
)
def test_an_instance_with_a_disk_of_its_own_takes_no_key(instance_type: str, encrypts_itself: bool) -> None:
    assert volume_key(ENCRYPTED, instance_type) == ({} if encrypts_itself else {"VolumeKmsKeyId": KEY})
