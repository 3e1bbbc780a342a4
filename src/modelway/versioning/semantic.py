"""The next semantic version of a model's image, and why.

major: an answer or a request that worked no longer does, or a training channel went away.
minor: something new that breaks nobody: the schema grew, or a commit says `feat`.
patch: a fix, other data, other settings.

The I/O schema that is compared is the committed one, so a breaking change is found whatever the commit's text says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelway.versioning.commits import Bump, bump_of

Schema = dict[str, Any]
FIRST = (1, 0, 0)

Walk = Callable[[Schema, Schema, str], list[tuple[Bump, str]]]


@dataclass(frozen=True)
class Release:
    """What the last published image promised."""

    version: str
    io_schema: dict[str, Any]
    channels: frozenset[str]


@dataclass(frozen=True)
class NextVersion:
    """A version to try, and the reasons, strongest first."""

    version: str
    bump: str
    reasons: tuple[str, ...]


def parse(version: str) -> tuple[int, int, int]:
    """(major, minor, patch). Raises ValueError for anything else."""
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", version)
    if not match:
        raise ValueError(f"{version!r} is not a version like 1.4.2")
    return int(match[1]), int(match[2]), int(match[3])


def bumped(version: str, bump: Bump) -> str:
    """`version` moved by `bump`."""
    major, minor, patch = parse(version)
    moved = {Bump.MAJOR: (major + 1, 0, 0), Bump.MINOR: (major, minor + 1, 0), Bump.PATCH: (major, minor, patch + 1)}
    return ".".join(map(str, moved[bump]))


def next_version(
    last: Release | None, io_schema: dict[str, Any], channels: frozenset[str], *messages: str
) -> NextVersion:
    """The version that follows `last` for this schema, these channels and the messages of the commits since then."""
    if last is None:
        return NextVersion(".".join(map(str, FIRST)), "first", ("no version is published yet",))
    found = [
        *_request_changes(last.io_schema["request"], io_schema["request"]),
        *_response_changes(last.io_schema["response"], io_schema["response"]),
        *_channel_changes(last.channels, channels),
    ]
    found += [asked for message in messages if (asked := bump_of(message))]
    found = found or [(Bump.PATCH, "the contract is unchanged and the commit names no feature")]
    bump = max(item[0] for item in found)
    reasons = tuple(reason for level, reason in sorted(found, key=lambda item: -item[0]) if level <= bump)
    return NextVersion(bumped(last.version, bump), bump.name.lower(), reasons)


def _channel_changes(old: frozenset[str], new: frozenset[str]) -> list[tuple[Bump, str]]:
    gone = [(Bump.MAJOR, f"training channel {name!r} was removed") for name in sorted(old - new)]
    return gone + [(Bump.MINOR, f"training channel {name!r} is new") for name in sorted(new - old)]


def _request_changes(old: dict[str, Any], new: dict[str, Any], path: str = "request") -> list[tuple[Bump, str]]:
    """Requests that worked must still work: nothing newly required, no type or property taken away."""
    found = _shared_changes(old, new, path, _request_changes)
    needed = set(new.get("required", [])) - set(old.get("required", []))
    found += [(Bump.MAJOR, f"{path}.{name} is now required") for name in sorted(needed)]
    freed = set(old.get("required", [])) - set(new.get("required", []))
    return found + [(Bump.MINOR, f"{path}.{name} is no longer required") for name in sorted(freed)]


def _response_changes(old: dict[str, Any], new: dict[str, Any], path: str = "response") -> list[tuple[Bump, str]]:
    """Readers of the answer must find what they found."""
    found = _shared_changes(old, new, path, _response_changes)
    lost = set(old.get("required", [])) - set(new.get("required", []))
    return found + [(Bump.MAJOR, f"{path}.{name} is no longer always there") for name in sorted(lost)]


# What narrows or widens values without being walked: any change may refuse what was accepted.
_WALKED = frozenset(
    {"type", "properties", "items", "required", "title", "description", "examples", "$schema", "default"}
)


def _value_changes(old: Any, new: Any, path: str, walk: Walk) -> list[tuple[Bump, str]]:
    """Two schemas of one value; `true` and `false` are schemas too, and an absent one is `true`."""
    if isinstance(old, dict) and isinstance(new, dict):
        return walk(old, new, path)
    return [] if old == new else [(Bump.MAJOR, f"{path}: what is accepted changed")]


def _shared_changes(old: dict[str, Any], new: dict[str, Any], path: str, walk: Walk) -> list[tuple[Bump, str]]:
    found: list[tuple[Bump, str]] = []
    if old.get("type") != new.get("type"):
        found.append((Bump.MAJOR, f"{path}: type was {old.get('type')!r} and is {new.get('type')!r}"))
    before, after = old.get("properties", {}), new.get("properties", {})
    found += [(Bump.MAJOR, f"{path}.{name} was removed") for name in sorted(set(before) - set(after))]
    found += [(Bump.MINOR, f"{path}.{name} is new") for name in sorted(set(after) - set(before))]
    for name in sorted(set(before) & set(after)):
        found += _value_changes(before[name], after[name], f"{path}.{name}", walk)
    found += _value_changes(old.get("items", True), new.get("items", True), f"{path}[]", walk)
    changed = {key for key in set(old) | set(new) if key not in _WALKED and old.get(key) != new.get(key)}
    found += [(Bump.MAJOR, f"{path}: {key} changed") for key in sorted(changed)]
    return found
