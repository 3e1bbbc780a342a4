"""Every name of a version leads to the whole of its way, and to no other version's."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.contracts import TrainingRecord, TrainingRequest
from modelway.errors import UserError
from modelway.lineage.history import Origin, found, history
from tests.unit.sagemaker.test_requests import TRAINING

OLD = TRAINING
NEW = TRAINING.model_copy(
    update={
        "retraining": TRAINING.retraining + 1,
        "provenance": TRAINING.provenance.model_copy(update={"commit_sha": "c" * 40}),
    }
)


def package(number: int, request: TrainingRequest) -> dict[str, Any]:
    return {
        "ModelPackageArn": f"arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/{number}",
        "ModelApprovalStatus": "Approved",
        "CustomerMetadataProperties": {"model_version": request.model_version, "sagemaker_model": f"model-{number}"},
    }


class Trainings:
    """Requests by model version; no training has left a record."""

    def __init__(self, *requests: TrainingRequest) -> None:
        self._requests = {request.model_version: request for request in requests}

    def training_request(self, package: dict[str, Any]) -> TrainingRequest:
        found = self._requests.get(package.get("CustomerMetadataProperties", {}).get("model_version", ""))
        if found is None:
            raise UserError("its request is gone")
        return found

    def training_record(self, request: TrainingRequest) -> TrainingRecord | None:
        return None


@pytest.fixture
def origins() -> list[Origin]:
    return list(history([package(2, NEW), package(1, OLD)], Trainings(OLD, NEW), "model-1", "the-endpoint"))


def test_each_version_says_where_it_came_from_and_only_the_live_one_where_it_serves(origins: list[Origin]) -> None:
    assert [origin.model_version for origin in origins] == [NEW.model_version, OLD.model_version]
    assert [origin.commit for origin in origins] == [NEW.provenance.commit_sha, OLD.provenance.commit_sha]
    assert [origin.endpoint for origin in origins] == ["", "the-endpoint"]
    assert [origin.training_job for origin in origins] == ["", ""]


def test_any_name_leads_to_its_versions(origins: list[Origin]) -> None:
    def versions(text: str) -> list[str]:
        return [origin.model_version for origin in found(origins, text)]

    both = [NEW.model_version, OLD.model_version]
    assert versions("") == both
    assert versions(OLD.image.digest) == both, "a retrain has the image of its commit"
    assert versions("c" * 8) == [NEW.model_version]
    assert versions("the-endpoint") == versions("model-1") == [OLD.model_version]
    assert versions("no-such-thing") == []


def test_what_is_gone_leaves_the_rest(origins: list[Origin]) -> None:
    by_hand = {"ModelPackageArn": "arn:by-hand", "ModelApprovalStatus": "Approved"}
    packages = [package(2, NEW), by_hand, package(1, OLD)]
    seen = list(history(packages, Trainings(OLD), "model-1", "the-endpoint"))
    assert [origin.commit for origin in seen] == ["", "", OLD.provenance.commit_sha]
    assert [origin.model for origin in seen] == ["model-2", "", "model-1"]
    assert [origin.endpoint for origin in seen] == ["", "", "the-endpoint"]
