"""What requests tag, lineage reads."""

from __future__ import annotations

from modelway import lineage
from modelway.sagemaker import requests
from tests.unit.sagemaker.test_requests import PLATFORM, TRAINING


def test_tags_lead_back_to_the_commit() -> None:
    found = lineage.read([*requests.tags(TRAINING, PLATFORM), {"Key": "team", "Value": "x"}])
    assert found["model"] == "fraud-detector"
    assert found["commit"] == "b" * 40
    assert found["image-digest"] == TRAINING.image.digest
    assert found["model-version"] == "1.0.0+r0"
    assert "team" not in found
