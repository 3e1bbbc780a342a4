"""Whether a requirements file is a lock: every line one exact version, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from modelway.admission.findings import Finding

_PINNED = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,\s-]+\])?\s*==\s*[A-Za-z0-9.!+_-]+\s*(;.*)?$")
_HASH = re.compile(r"\s+--hash[= ]\S+")
_LOCK = "uv pip compile --universal --python-version 3.11 requirements.in -o requirements.txt"


def check_requirements(path: Path) -> Iterator[Finding]:
    """A finding for each line that is not `name==version`, with marker and hashes or without."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield Finding("error", "requirements", path, f"cannot be read: {error}", fix=f"lock it: {_LOCK}")
        return
    pinned = 0
    for line, requirement in _logical_lines(text):
        problem = _problem(requirement)
        if problem:
            yield Finding("error", "requirements", path, problem, line, 1, fix=f"lock it: {_LOCK}")
        pinned += not problem
    if not pinned:
        yield Finding("error", "requirements", path, "names no requirement", fix=f"lock it: {_LOCK}")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Line number and content without comments; lines that end in a backslash are joined."""
    parts: list[str] = []
    first = 0
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        first = first if parts else number
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        joined = " ".join([*parts, line]).strip()
        parts = []
        if joined:
            yield first, joined


def _problem(requirement: str) -> str:
    """Why a line is not exact; empty if it is."""
    without_hashes = _HASH.sub("", requirement).strip()
    shown = without_hashes[:80]
    if without_hashes.startswith("-"):
        return f"{shown!r}: options are not allowed; a lock names packages and versions only"
    if "://" in without_hashes or " @ " in without_hashes:
        return f"{shown!r}: only packages from the index are allowed, not addresses"
    return "" if _PINNED.match(without_hashes) else f"{shown!r} is not pinned to one version (name==version)"
