"""How a model's jobs and endpoints are kept apart: which network they reach, which keys encrypt what they leave. Pure.

By default a container reaches no network at all; SageMaker itself fetches its input and uploads its output.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/mkt-algo-model-internet-free.html
"""

from __future__ import annotations

import re

from modelway.contracts import ModelSpec
from modelway.errors import UserError
from modelway.platform import Platform

# Instances whose disk is their own encrypt it themselves, and SageMaker refuses a key for it.
# Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html (VolumeKmsKeyId), and
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-store-volumes.html
LOCAL_DISK = re.compile(
    r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g5|g6|g6e|gr6|g7e|i[34][a-z]*|p5|p5e|p5en|p6[a-z0-9-]*|trn1|trn1n|trn2)\..+"
)


class InternetRefused(UserError):
    """Raised when model.yaml asks for a network that Terraform does not allow the model."""


def require_allowed_network(spec: ModelSpec, platform: Platform) -> None:
    """Raises InternetRefused when the model asks for the internet and is not among those that may reach it."""
    if spec.network == "internet" and not platform.may_reach_internet(spec.name):
        message = f"network: internet is not allowed to {spec.name!r} in {platform.environment}"
        fix = "leave it out, or have the platform team set internet = true in the model's block of Terraform"
        raise InternetRefused(message, fix=fix)


def network(spec: ModelSpec, platform: Platform) -> dict[str, bool]:
    """What CreateTrainingJob, CreateModel and a processing job's NetworkConfig take alike.

    Raises InternetRefused for a network that the model may not have.
    """
    require_allowed_network(spec, platform)
    return {"EnableNetworkIsolation": spec.network == "isolated"}


def output_key(platform: Platform) -> dict[str, str]:
    """The key of what a job uploads; without one it is the bucket's."""
    return {"KmsKeyId": platform.kms_key_id} if platform.kms_key_id else {}


def volume_key(platform: Platform, instance_type: str, *, field: str = "VolumeKmsKeyId") -> dict[str, str]:
    """The key of an instance's volume; none for an instance whose disk is its own and encrypted by itself."""
    if not platform.kms_key_id or LOCAL_DISK.fullmatch(instance_type):
        return {}
    return {field: platform.kms_key_id}
