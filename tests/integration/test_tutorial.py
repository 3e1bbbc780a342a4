"""The tutorial is true: its commands are run in order on a stack, and print what the page shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "first-model.md"
BLOCK = re.compile(
    r"(?P<left_out><!-- not in the test.*?-->\n\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
# Other tests of the session have a model of the page's name on the same stack.
NAME_ON_THE_PAGE, NAME = "fraud-detector", "tutorial-model"
# What differs between two runs: digests, decimals (a version is none) and the width of columns; … is anything.
TOKEN = re.compile(
    r"(?P<digest>sha256:[0-9a-f]+)|(?P<decimal>(?<![\d.])[+-]?\d+\.\d+(?![\d.+]))|(?P<space>\s+)|(?P<anything>…)|."
)
VARYING = {"digest": "sha256:[0-9a-f]+", "decimal": r"[+-]?\d+\.\d+", "space": r"\s+", "anything": ".*"}
MARK = "--- end of step"


class Step(NamedTuple):
    """A block of commands, and the lines that it prints, among others, in this order."""

    commands: str
    shown: list[str]


def steps(page: str) -> list[Step]:
    """The page's blocks of commands, without those that are marked as not in the test."""
    tutorial: list[Step] = []
    runs = False
    for block in BLOCK.finditer(page):
        if block["language"] == "console":
            runs = block["left_out"] is None
            if runs:
                tutorial.append(Step(block["text"], []))
        elif runs:
            tutorial[-1].shown.extend(block["text"].splitlines())
    return tutorial


def pattern(line: str) -> str:
    """Regular expression of a line that is shown."""
    return "".join(VARYING.get(token.lastgroup or "") or re.escape(token[0]) for token in TOKEN.finditer(line.strip()))


def missing(shown: list[str], printed: str) -> list[str]:
    """Lines that are shown and were not printed, or not in this order."""
    rest = iter(printed.splitlines())
    return [line for line in shown if not any(re.search(pattern(line), real) for real in rest)]


@pytest.mark.timeout(1800)  # less than two minutes on two idle cores; a busy machine takes many times that
def test_the_page_is_what_happens(stack_environment: dict[str, str], tmp_path: Path) -> None:
    tutorial = steps(PAGE.read_text(encoding="utf-8").replace(NAME_ON_THE_PAGE, NAME))
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    script = tmp_path / "tutorial.sh"
    script.write_text("set -e\n" + "".join(f"{step.commands}echo '{MARK}'\n" for step in tutorial))
    people = ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")
    author = {f"GIT_{one}": "tutorial@localhost" for one in people}
    path = f"{Path(sys.executable).parent}:{stack_environment['PATH']}"

    output = tmp_path / "output"
    with output.open("w") as written:
        done = subprocess.run(
            ["bash", str(script)],
            cwd=checkout,
            env={**stack_environment, **author, "PATH": path},
            input=b"y\n",
            stdout=written,
            stderr=subprocess.STDOUT,
            check=False,
        )

    assert done.returncode == 0, output.read_text()
    printed = output.read_text().split(MARK)[:-1]
    assert len(printed) == len(tutorial)
    for step, text in zip(tutorial, printed, strict=True):
        assert not missing(step.shown, text), f"$ {step.commands}{text}"


def test_a_line_matches_another_run_of_itself_and_no_other() -> None:
    line = "  ✓ push   0.1 s  fraud-detector:1.0.0 (first: sha256:5967ac …)"
    assert not missing([line], "  ✓ push            12.0 s  fraud-detector:1.0.0 (first: sha256:00aa11 whatever)")
    assert missing([line], "  ✓ push            12.0 s  fraud-detector:1.0.1 (first: sha256:00aa11 whatever)")
    assert missing(["a", "b"], "b\na") == ["b"]


def test_only_the_stack_itself_is_left_out() -> None:
    page = PAGE.read_text(encoding="utf-8")
    left_out = "".join(block["text"] for block in BLOCK.finditer(page) if block["left_out"])
    assert left_out.split("\n") == ["make install", "source .venv/bin/activate", "modelway up", "modelway down", ""]
