"""Keys of the artifacts bucket."""

from __future__ import annotations

import pytest

from modelway.platform import Platform
from modelway.versioning import locations

PLATFORM = Platform(
    data_bucket="modelway-local-data",
    artifacts_bucket="modelway-local-artifacts",
    sagemaker_role_arn="arn:aws:iam::123456789012:role/modelway-local-sagemaker",
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


def test_one_version_and_retraining_share_a_prefix() -> None:
    assert locations.version_prefix("fraud", "1.4.2", 3) == "fraud/1.4.2-r3"


def test_records_have_a_place() -> None:
    assert locations.deployment_key("fraud", "config-1") == "fraud/deployments/config-1.json"
