"""`modelway` as typed, in this process and with a state folder of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from modelway.cli.main import run


class Outcome(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


class Command:
    """`modelway` as typed, in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> Outcome:
        self._monkeypatch.setattr(sys, "argv", ["modelway", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        captured = self._capsys.readouterr()
        code = ended.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)


@pytest.fixture
def modelway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for name in ("MODELWAY_ARTIFACTS_BUCKET", "MODELWAY_OUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELWAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)
