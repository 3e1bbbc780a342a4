"""Regular expressions that take for ever on some line: tried on the lines that would bring them to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

SECONDS = 2.0
PUMPED = 40
MANY = 10  # a repetition of so many may as well be one without an end
# In a process of its own: an expression that runs away cannot be interrupted in this one.
TRY = "import json, re, sys; p, lines = json.load(sys.stdin); [list(re.finditer(p, line)) for line in lines]"
SAMPLES = {sre.CATEGORY_DIGIT: "1", sre.CATEGORY_SPACE: " ", sre.CATEGORY_WORD: "a"}


def runs_away(expression: str) -> bool:
    """Whether the expression, which compiles, is not done with short lines that were made for it within two seconds."""
    lines = [f"{line}{end}" for line in _pumped(expression) for end in ("", "!", "\x00 ")]
    if not lines:
        return False
    try:
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", TRY],
            input=json.dumps([expression, lines]),
            text=True,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    return False


def _pumped(expression: str) -> list[str]:
    """For each repetition a line that leads to it and repeats it often."""
    return _words(parser.parse(expression))[1]


def _words(nodes: Iterable[Any]) -> tuple[str, list[str]]:
    """(a short text that the sequence matches, texts in which one of its repetitions is long)."""
    plain, pumped = "", []
    for operation, argument in nodes:
        text, longer = _word(operation, argument)
        pumped += [plain + one for one in longer]
        plain += text
    return plain, pumped


def _word(operation: Any, argument: Any) -> tuple[str, list[str]]:
    if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least, most, inner = argument
        text, longer = _words(inner)
        often = [(text or "a") * PUMPED] if most is sre.MAXREPEAT or most >= MANY else []
        return text * min(max(least, 1), PUMPED), [*often, *longer]
    if operation is sre.SUBPATTERN:
        return _words(argument[3])
    if operation is sre.ATOMIC_GROUP:
        return _words(argument)
    if operation is sre.BRANCH:
        branches = [_words(branch) for branch in argument[1]]
        return branches[0][0], [one for _, longer in branches for one in longer]
    return _character(operation, argument), []


def _character(operation: Any, argument: Any) -> str:
    """One character that a node matches; none for what takes none."""
    if operation is sre.LITERAL:
        return chr(argument)
    if operation is sre.NOT_LITERAL:
        return "a" if argument != ord("a") else "b"
    if operation is sre.ANY:
        return "a"
    if operation is sre.CATEGORY:
        return SAMPLES.get(argument, "-")
    if operation is sre.RANGE:
        return chr(argument[0])
    if operation is sre.IN:
        if argument[0][0] is sre.NEGATE:
            return next((one for one in "a1 -_" if not _in(one, argument[1:])), "~")
        return _character(*argument[0])
    return ""


def _in(character: str, items: Iterable[Any]) -> bool:
    """Whether a set's items name the character, as far as it matters for choosing one outside."""
    for operation, argument in items:
        if operation is sre.RANGE and argument[0] <= ord(character) <= argument[1]:
            return True
        if _character(operation, argument) == character:
            return True
    return False
