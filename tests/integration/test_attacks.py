"""`make attack` tells an attack that got through, and one that was not tried, from one that was stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

MARK = '@pytest.mark.attack(attacker="{who}", tries="{tries}", stopped_by="a [wall] that is {long}")'
FILES = {
    "conftest.py": "import pytest\n@pytest.fixture\ndef wall(): return 1\n@pytest.fixture\ndef hole(): raise OSError\n",
    "deep/conftest.py": "import pytest\n@pytest.fixture\ndef wall(wall): return wall + 1\n",
    "deep/test_one.py": """
import pytest
{mark_passes}
@pytest.mark.parametrize("way", ["a::b", "c[d]"])
def test_passes(wall, way): assert wall == 2
def test_no_attack(): raise AssertionError("not to be run")
""",
    "test_two.py": """
import pytest
{mark_fails}
@pytest.mark.parametrize("way", [1, 2])
def test_fails(wall, way): assert way == 1
{mark_breaks}
def test_breaks(hole): pass
{mark_skips}
@pytest.mark.parametrize("way", [1, 2])
def test_skips(way):
    if way == 2: pytest.skip("no tool")
""",
    "test_three.py": "import pytest, no_such_module\n{mark_lost}\ndef test_lost(): pass\n",
}
WHO = {"passes": "web page", "fails": "code of a model", "breaks": "web page", "skips": "web page", "lost": "web page"}


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    marks = {
        f"mark_{name}": MARK.format(who=who, tries=f"to be what {name}", long="long " * 30) for name, who in WHO.items()
    }
    for name, text in FILES.items():
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**marks) if "mark_" in text else text)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nmarkers = attack: x\n")
    return tmp_path / "tests"


def attack(tests: Path, *more: str) -> tuple[int, dict[str, str], str]:
    """Exit code, {test: outcome} of the table's lines, and all that was printed."""
    command = [sys.executable, "-m", "tests.attacks", "--tests", str(tests), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if "a [wall] that is" in line and "tests/" in line]
    outcomes = ("stopped", "GOT THROUGH", "not tried")
    told = {
        line.rsplit("::", 1)[1].strip(): next(outcome for outcome in outcomes if line.strip().startswith(outcome))
        for line in lines
    }
    return done.returncode, told, done.stdout + done.stderr


def test_each_outcome_is_told_and_only_what_was_stopped_is_well(tests: Path) -> None:
    code, told, said = attack(tests)
    assert told == {
        "test_passes": "stopped",
        "test_fails": "GOT THROUGH",
        "test_breaks": "GOT THROUGH",
        "test_skips": "not tried",
        "test_lost": "not tried",
    }
    assert "2 GOT THROUGH, 2 not tried, 1 stopped" in said
    assert code == 1


@pytest.mark.parametrize(
    ("pattern", "outcome", "code"),
    [("what passes", "stopped", 0), ("code of a model", "GOT THROUGH", 1), ("test_two.py::test_skips", "not tried", 1)],
)
def test_only_what_fits_is_tried(tests: Path, pattern: str, outcome: str, code: int) -> None:
    ended, told, _ = attack(tests, "--only", pattern)
    assert (ended, set(told.values())) == (code, {outcome})


def test_a_pattern_that_fits_nothing_is_no_success(tests: Path) -> None:
    ended, _, said = attack(tests, "--only", "no such attack")
    assert (ended != 0, "no attack fits" in said) == (True, True)


def test_a_line_in_a_pipe_is_whole(tests: Path) -> None:
    _, _, said = attack(tests, "--only", "what passes")
    (line,) = [line for line in said.splitlines() if "what passes" in line]
    assert "long " * 29 in line
    assert "…" not in line
