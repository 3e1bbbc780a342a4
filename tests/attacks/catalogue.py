"""The attacks, read from the tests' decorators; no test is imported.

    @pytest.mark.attack(attacker="code of a model", tries="...", stopped_by="...")

`attacker` is one of ATTACKERS. `tries` and `stopped_by` are phrases for the table in docs/explanation/security.md.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parents[1]
ATTACKERS = (
    "author of a model repo",
    "code of a model",
    "web page",
    "other user of the machine",
    "platform developer",
    "holder of a role",
)


class Attack(NamedTuple):
    """One attack and the test that carries it out."""

    attacker: str
    tries: str
    stopped_by: str
    test: str


def attacks() -> list[Attack]:
    """All attacks, by attacker, then by test. Raises ValueError for a decorator that lacks a phrase."""
    read = [attack for path in sorted(TESTS.rglob("test_*.py")) for attack in _of(path)]
    return sorted(read, key=lambda attack: (ATTACKERS.index(attack.attacker), attack.test))


def _of(path: Path) -> Iterator[Attack]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.attack":
                yield _attack(decorator, f"{path.relative_to(TESTS.parent)}::{node.name}")


def _attack(decorator: ast.Call, test: str) -> Attack:
    phrases = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
    if set(phrases) != {"attacker", "tries", "stopped_by"} or phrases["attacker"] not in ATTACKERS:
        raise ValueError(f"{test}: attack needs attacker ({', '.join(ATTACKERS)}), tries and stopped_by")
    return Attack(phrases["attacker"], phrases["tries"], phrases["stopped_by"], test)


def table() -> str:
    """The threat model's table, as Markdown."""
    head = "| Who attacks | What they try | What stops them | Test |\n| --- | --- | --- | --- |\n"
    rows = (
        f"| {attack.attacker} | {attack.tries} | {attack.stopped_by} | `{attack.test.removeprefix('tests/')}` |"
        for attack in attacks()
    )
    return head + "\n".join(rows) + "\n"
