"""Progress: a line that is kept up to date on a terminal, plain lines anywhere else."""

from __future__ import annotations

import pytest

from modelway.cli.console import Console
from modelway.errors import UserError


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
