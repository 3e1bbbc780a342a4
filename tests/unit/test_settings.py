"""Settings come from variables, and a wrong one is named."""

from __future__ import annotations

import pytest
from pydantic import Field

from modelway import settings
from modelway.contracts.base import Document
from modelway.errors import PlatformError


class Shop(Document):
    name: str
    seats: int = Field(default=4, gt=0)


def test_an_empty_variable_counts_as_missing() -> None:
    found = settings.from_environment(Shop, "the shop's", {"MODELWAY_NAME": "corner", "MODELWAY_SEATS": ""})
    assert found == Shop(name="corner")


def test_each_wrong_variable_is_named() -> None:
    with pytest.raises(PlatformError, match=r"the shop's settings .*MODELWAY_NAME: field required; MODELWAY_SEATS: "):
        settings.from_environment(Shop, "the shop's", {"MODELWAY_SEATS": "0"})


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWAY_NAME", "corner")
    assert settings.from_environment(Shop, "the shop's").name == "corner"
