"""Names fit SageMaker's rules and derive from content."""

from __future__ import annotations

import re

import pytest

from modelway.versioning import names

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


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param("modelway-fraud-1-4-2-r3-0a1b2c", 3, id="its own"),
        pytest.param("modelway-fraud-1-4-20-r3-0a1b2c", None, id="a longer version"),
        pytest.param("modelway-fraud-1-4-2-r3-0a1b2c-x", None, id="something after"),
        pytest.param("modelway-fraud-two-1-4-2-r3-0a1b2c", None, id="a longer model"),
    ],
)
def test_retraining_number_is_read_back(name: str, number: int | None) -> None:
    assert names.retraining_of("modelway", "fraud", "1.4.2", name) == number
