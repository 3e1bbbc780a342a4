"""What a commit's message says of the next version, by Conventional Commits 1.0.0 (conventionalcommits.org)."""

from __future__ import annotations

import re
from enum import IntEnum

# The subject that GitLab gives a merge commit by default; the merge request's title is its first line below.
_MERGE = re.compile(r"^Merge (branch|remote-tracking branch|tag) '.*'( into .*)?$")
_HEADER = re.compile(r"^(?P<type>[A-Za-z]+)(\([^()]*\))?(?P<breaking>!)?: \S")
# A footer: upper case, at the start of a line, with a colon. Prose about breaking changes is not one.
_BREAKING_FOOTER = re.compile(r"^BREAKING[ -]CHANGE: \S", re.MULTILINE)


class Bump(IntEnum):
    """How far a version moves; a larger value wins."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2


def subject(message: str) -> str:
    """The line that says what changed: the first, or of a merge commit the merge request's title."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if len(lines) > 1 and _MERGE.match(lines[0]):
        return lines[1]
    return lines[0] if lines else ""


def bump_of(message: str) -> tuple[Bump, str] | None:
    """The bump that a message asks for and why; None where it names neither a feature nor a break."""
    header = _HEADER.match(subject(message))
    if (header and header["breaking"]) or _BREAKING_FOOTER.search(message):
        return Bump.MAJOR, f"the commit says it breaks: {subject(message)!r}"
    if header and header["type"].lower() == "feat":
        return Bump.MINOR, f"the commit says it is a feature: {subject(message)!r}"
    return None
