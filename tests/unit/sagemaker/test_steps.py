"""A trained model is kept where its own code cannot change it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from modelway.sagemaker.steps import keep_model
from modelway.versioning import locations
from tests.unit.sagemaker.test_requests import PLATFORM as _PLATFORM
from tests.unit.sagemaker.test_requests import TRAINING

PLATFORM = _PLATFORM.model_copy(update={"artifacts_bucket": "artifacts"})
UPLOADED = "jobs/fraud-detector/1.0.0-r0/x/training/job/output/model.tar.gz"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="artifacts")
        yield client


@pytest.mark.attack(
    attacker="code of a model",
    tries="overwrites the artifact of an approved version from a later job",
    stopped_by="what is evaluated and served is the platform's copy, in its records, made once",
)
def test_the_copy_stays_what_was_trained(s3: Any) -> None:
    s3.put_object(Bucket="artifacts", Key=UPLOADED, Body=b"trained")
    kept = keep_model(PLATFORM, TRAINING, f"s3://artifacts/{UPLOADED}")
    assert kept == f"s3://artifacts/{locations.model_key(TRAINING)}"
    assert kept.startswith("s3://artifacts/records/fraud-detector/models/")
    s3.put_object(Bucket="artifacts", Key=UPLOADED, Body=b"evil")
    assert keep_model(PLATFORM, TRAINING, f"s3://artifacts/{UPLOADED}") == kept
    assert s3.get_object(Bucket="artifacts", Key=locations.model_key(TRAINING))["Body"].read() == b"trained"
