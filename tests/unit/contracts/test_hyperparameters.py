"""A hyperparameter arrives as what it was, number or text (sagemaker-containers#179)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelway.contracts.hyperparameters import hyperparameter_text

TEXTS = ["01234", "1.10", "2024", "true", "NaN", "null", "[1, 2]", "adam", "", '"x"', "a b", "1e400", "Infinity"]


def arrived(text: str) -> Any:
    """As model_template's container.py reads it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@pytest.mark.parametrize("value", [*TEXTS, 3, 0.5, True, False, -1])
def test_it_arrives_as_it_was(value: Any) -> None:
    back = arrived(hyperparameter_text(value))
    assert (type(back), back) == (type(value), value)


@pytest.mark.parametrize(("value", "text"), [("adam", "adam"), ("1.10", '"1.10"'), (3, "3"), (True, "true")])
def test_plain_text_is_sent_plain(value: Any, text: str) -> None:
    assert hyperparameter_text(value) == text
