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


def attacks(tests: Path = TESTS) -> list[Attack]:
    """All attacks, by attacker, then by test.

    Raises ValueError for a decorator that lacks a phrase, or that is not on a plain function of a module: such a one
    would be missed.
    """
    read = [attack for path in sorted(tests.rglob("test_*.py")) for attack in _of(path, tests.parent)]
    return sorted(read, key=lambda attack: (ATTACKERS.index(attack.attacker), attack.test))


def _of(path: Path, root: Path) -> Iterator[Attack]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plain = {id(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("mark.attack"):
                test = f"{path.relative_to(root)}::{node.name}"  # type: ignore[attr-defined]
                if id(node) not in plain:
                    raise ValueError(f"{test}: attack marks plain functions of a module")
                yield _attack(decorator, test)


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
