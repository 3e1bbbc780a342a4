"""Names fit SageMaker's rules and derive from content."""

from __future__ import annotations

import re

import pytest

from modelway.versioning import names
from tests.unit.sagemaker.test_requests import TRAINING

SAGEMAKER = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@pytest.mark.parametrize("parts", [("a", "b"), ("m" * 63,), ("m" * 64,), ("x" * 40, "1-4-2-r3", "train", "f" * 40)])
def test_a_name_fits(parts: tuple[str, ...]) -> None:
    assert SAGEMAKER.fullmatch(names.resource_name(*parts))


def test_long_names_that_differ_at_the_end_stay_different() -> None:
    first, second = (names.resource_name("model-" * 12, end) for end in ("a", "b"))
    assert first != second
    assert max(len(first), len(second)) <= names.SAGEMAKER_NAME_MAXIMUM


def test_a_cut_at_a_hyphen_leaves_one_hyphen() -> None:
    assert "--" not in names.resource_name("a" * 53 + "-" + "b" * 20)


def test_empty_parts_are_left_out() -> None:
    assert names.resource_name("a", "", "b") == "a-b"


def test_slug() -> None:
    assert names.slug("1.4.2+r3") == "1-4-2-r3"


def test_two_requests_of_one_version_have_two_models() -> None:
    other = TRAINING.model_copy(update={"provenance": TRAINING.provenance.model_copy(update={"pipeline_id": "8"})})
    assert TRAINING.model_version == other.model_version
    assert names.model_name("modelway", TRAINING) != names.model_name("modelway", other)


def test_a_models_roles_are_two() -> None:
    assert names.job_role("modelway", "dev", "fraud") == "modelway-dev-job-fraud"
    assert names.endpoint_role("modelway", "dev", "fraud") == "modelway-dev-endpoint-fraud"
