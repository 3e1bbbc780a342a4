"""The next version follows from the contract and the commit."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.versioning.semantic import Release, next_version, parse

NUMBER = {"type": "number"}
CHANNELS = frozenset({"train", "test"})


def io(request: dict[str, Any] | None = None, response: dict[str, Any] | None = None) -> dict[str, Any]:
    """An I/O schema of one request and one response field, with what is given laid over."""
    base = {"type": "object", "required": ["x"], "properties": {"x": NUMBER}}
    answer = {"type": "object", "required": ["y"], "properties": {"y": NUMBER}}
    return {"request": {**base, **(request or {})}, "response": {**answer, **(response or {})}}


LAST = Release("1.4.2", io(), CHANNELS)


def test_the_first_version() -> None:
    assert next_version(None, io(), CHANNELS, "feat: begin").version == "1.0.0"


@pytest.mark.parametrize(
    ("schema", "version"),
    [
        pytest.param(io(), "1.4.3", id="unchanged"),
        pytest.param(io({"description": "words"}), "1.4.3", id="only words"),
        pytest.param(io({"properties": {"x": NUMBER, "z": NUMBER}}), "1.5.0", id="optional request field"),
        pytest.param(io({"required": []}), "1.5.0", id="request field no longer required"),
        pytest.param(io(None, {"properties": {"y": NUMBER, "z": NUMBER}}), "1.5.0", id="response field added"),
        pytest.param(
            io({"required": ["x", "z"], "properties": {"x": NUMBER, "z": NUMBER}}), "2.0.0", id="required request field"
        ),
        pytest.param(io({"properties": {}}), "2.0.0", id="request field removed"),
        pytest.param(io({"properties": {"x": {"type": "string"}}}), "2.0.0", id="type changed"),
        pytest.param(io({"properties": {"x": {"type": "number", "minimum": 0}}}), "2.0.0", id="values narrowed"),
        pytest.param(io({"properties": {"x": False}}), "2.0.0", id="field forbidden by false"),
        pytest.param(io({"additionalProperties": False}), "2.0.0", id="no other fields"),
        pytest.param(io(None, {"required": []}), "2.0.0", id="response field not promised"),
        pytest.param(io(None, {"properties": {"y": {"type": "array", "items": NUMBER}}}), "2.0.0", id="list instead"),
    ],
)
def test_the_schema_decides(schema: dict[str, Any], version: str) -> None:
    assert next_version(LAST, schema, CHANNELS, "fix: a thing").version == version


def test_items_of_a_list_are_compared() -> None:
    before = {"type": "array", "items": NUMBER}
    last = Release("1.0.0", {"request": before, "response": before}, CHANNELS)
    without = {"request": {"type": "array"}, "response": before}
    assert next_version(last, without, CHANNELS, "fix: a").version == "2.0.0"


@pytest.mark.parametrize(
    ("title", "version"),
    [
        ("fix: a", "1.4.3"),
        ("Retune", "1.4.3"),
        ("feature creep", "1.4.3"),
        ("feat: a", "1.5.0"),
        ("feat(api): a", "1.5.0"),
        ("fix!: a", "2.0.0"),
        ("BREAKING CHANGE: a", "2.0.0"),
    ],
)
def test_the_commit_decides_what_the_schema_leaves_open(title: str, version: str) -> None:
    assert next_version(LAST, io(), CHANNELS, title).version == version


@pytest.mark.parametrize(
    ("channels", "version"), [(CHANNELS - {"test"}, "2.0.0"), (CHANNELS | {"extra"}, "1.5.0")], ids=["gone", "new"]
)
def test_training_channels_count(channels: frozenset[str], version: str) -> None:
    assert next_version(LAST, io(), channels, "fix: a").version == version


def test_reasons_begin_with_the_strongest() -> None:
    found = next_version(LAST, io({"properties": {"z": NUMBER}}), CHANNELS, "feat: a")
    assert found.bump == "major"
    assert found.reasons[0] == "request.x was removed"
    assert len(found.reasons) == 3


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3-rc1", "latest"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        parse(version)


def test_every_commit_since_the_last_version_counts() -> None:
    following = next_version(LAST, io(), CHANNELS, "fix: b", "feat: a", "docs: c")

    assert following.version == "1.5.0"
    assert following.reasons == ("the commit says it is a feature: 'feat: a'",)
