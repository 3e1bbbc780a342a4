"""Progress: a line that is kept up to date on a terminal, plain lines anywhere else."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given

from modelway.cli.console import Console, Inert, printable
from modelway.errors import UserError
from tests.unit.cli.conftest import Command
from tests.unit.hostile import TEXT

# Clear the screen, set the title, link, conceal, go up and overwrite, one-byte CSI, reverse the order.
SEQUENCES = "\x1b[2J\x1b]0;t\x07\x1b]8;;http://evil.test\x1b\\\x1b[8mhidden\x1b[1A\rall is well\x08\x9b31m\u202eevil"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def test_in_a_pipe_each_stage_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(live=False)
    console.begin("push")
    console.step("uploading the layer")
    console.end("push", 1.25, "fraud:1.0.0")
    said = capsys.readouterr()
    assert said.err.splitlines() == ["  ✓ push                1.2 s  fraud:1.0.0"]
    assert said.out == ""


def test_on_a_terminal_the_running_stage_is_redrawn(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(live=True)
    console.begin("push")
    console.step("uploading the layer")
    console.end("push", 1.0, "fraud:1.0.0")
    said = capsys.readouterr().err
    assert "\r\x1b[K  … push" in said
    assert "uploading the layer" in said
    assert said.endswith("\r\x1b[K  ✓ push                1.0 s  fraud:1.0.0\n")


def test_a_failure_ends_the_stage_and_gives_the_fix(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(live=False)
    console.begin("admit")
    console.fail(UserError("train raised", fix="look at src/model.py"))
    said = capsys.readouterr().err
    assert "✗ admit" in said
    assert "error: train raised\n  fix: look at src/model.py" in said


@given(TEXT)
def test_nothing_printable_is_obeyed(text: str) -> None:
    assert not OBEYED.search(printable(text))


def test_what_is_no_command_stays_as_it_is() -> None:
    text = "größer → 3\t\x20\n👩\u200d🔬 {'a': 1}\n"
    assert printable(text) == text
    assert printable("a\r\nb\x1b[2J") == "a\nb\\u001b[2J"


@pytest.mark.attack(
    attacker="code of a model",
    tries="escape sequences in a log, to rewrite what stands on the terminal of whoever reads it",
    stopped_by="the command writes every control sign out",
)
@pytest.mark.parametrize("words", [("logs", "job-1"), ("notifications",), ("notifications", "--json")])
def test_no_command_passes_an_escape_sequence_on(modelway: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    log = tmp_path / "home" / "jobs" / "job-1" / "log"
    log.parent.mkdir(parents=True)
    log.write_text(SEQUENCES)
    (tmp_path / "home" / "slack").mkdir()
    hidden = json.dumps({"text": SEQUENCES})
    (tmp_path / "home" / "slack" / "1.json").write_text(hidden)
    outcome = modelway(*words)
    assert "all is well" in outcome.out
    assert not OBEYED.search(outcome.out + outcome.err)
    if "--json" in words:
        assert len(json.loads(outcome.out)) == 1


def test_an_error_and_a_stage_are_written_out_too(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(live=True)
    console.begin("train")
    console.step(SEQUENCES)
    console.say(SEQUENCES)
    console.fail(UserError(SEQUENCES))
    said = capsys.readouterr().err.replace("\r\x1b[K", "")
    assert "hidden" in said
    assert not OBEYED.search(said)


def test_an_unexpected_error_is_written_out_too(modelway: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    modelway("logs", "absent")
    assert isinstance(sys.stderr, Inert)
    assert not sys.stderr.isatty()
    assert not hasattr(sys.stderr, "buffer")
    terminal = io.StringIO()
    Inert(terminal).writelines(["a\x1b", "b"])
    assert terminal.getvalue() == "a\\u001bb"
