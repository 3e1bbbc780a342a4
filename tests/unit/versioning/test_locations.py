"""Keys of the artifacts bucket."""

from __future__ import annotations

import inspect

import pytest

from modelway.platform import Platform
from modelway.versioning import locations
from tests.unit.sagemaker.test_requests import DEPLOYMENT, TRAINING

PLATFORM = Platform(
    data_bucket="modelway-local-data",
    artifacts_bucket="modelway-local-artifacts",
    job_role_arn="arn:aws:iam::123456789012:role/modelway-local-job-{model}",
    endpoint_role_arn="arn:aws:iam::123456789012:role/modelway-local-endpoint-{model}",
    signing_key_id="alias/modelway-local-signing",
    sns_topic_arn="arn:aws:sns:eu-west-1:123456789012:modelway-local-notifications",
)


@pytest.mark.parametrize(
    ("value", "uri"),
    [
        ("fraud/train/", "s3://modelway-local-data/fraud/train/"),
        ("/fraud/train/", "s3://modelway-local-data/fraud/train/"),
        ("s3://elsewhere/train/", "s3://elsewhere/train/"),
    ],
)
def test_a_channel_is_a_key_of_the_data_bucket_or_an_address(value: str, uri: str) -> None:
    assert locations.channel_uri(PLATFORM, value) == uri


def test_records_have_a_place() -> None:
    assert locations.deployment_key("fraud", "config-1") == "records/fraud/deployments/config-1.json"


def test_what_containers_upload_and_what_the_platform_keeps_lie_apart() -> None:
    """Every key that a function here makes is the platform's, but for the two that jobs upload to."""
    values = {
        "request": TRAINING,
        "model": "fraud-detector",
        "image_version": "1.0.0",
        "image_digest": TRAINING.image.digest,
        "retraining": 0,
        "content": "c",
        "endpoint_config": "e",
    }
    keys = {}
    for name, function in inspect.getmembers(locations, inspect.isfunction):
        if name.endswith("_key"):
            wanted = dict(values)
            if name in ("change_key", "deployment_failure_key"):
                wanted["request"] = DEPLOYMENT
            keys[name] = function(*(wanted[parameter] for parameter in inspect.signature(function).parameters))
    assert len(keys) > 12
    assert [name for name, key in keys.items() if not key.startswith("records/fraud-detector/")] == []
    uploads = [
        locations.training_output(PLATFORM, TRAINING),
        locations.evaluation_output(PLATFORM, TRAINING, "champion"),
    ]
    bucket = f"s3://{PLATFORM.artifacts_bucket}"
    assert all(uri.startswith(f"{bucket}/jobs/fraud-detector/1.0.0-r0/") for uri in uploads)
