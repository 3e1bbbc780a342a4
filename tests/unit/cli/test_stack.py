"""What a stack left can be read when it does not run; nothing else is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Command


def test_a_stack_that_has_died_is_not_running(modelway: Command, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    stack = {"home": "h", "pid": 2**22 + 1, "gateway_url": "g", "airflow_url": "a", "moto_url": "m"}
    for text in (json.dumps(stack), "{", "[]", "{}"):
        (tmp_path / "home" / "stack.json").write_text(text)
        assert modelway("status").code == 3


def test_nothing_was_sent(modelway: Command) -> None:
    code, out, _ = modelway("notifications", "--json")
    assert (code, json.loads(out)) == (0, [])
    code, out, err = modelway("notifications")
    assert (code, out) == (0, "")
    assert "nothing was sent yet" in err


def test_what_was_sent(modelway: Command, tmp_path: Path) -> None:
    for folder, text in (("mailbox", {"subject": "trained"}), ("slack", {"text": "deployed"})):
        (tmp_path / "home" / folder).mkdir(parents=True)
        (tmp_path / "home" / folder / "1.json").write_text(json.dumps(text))
    assert [message["channel"] for message in json.loads(modelway("notifications", "--json").out)] == ["sns", "slack"]
    assert "[sns] trained" in modelway("notifications").out


def test_the_log_of_a_job(modelway: Command, tmp_path: Path) -> None:
    code, _, err = modelway("logs", "job-1")
    assert code == 2
    assert "known: none" in err
    folder = tmp_path / "home" / "jobs" / "job-1"
    folder.mkdir(parents=True)
    (folder / "log").write_text("epoch 1\n")
    assert modelway("logs", "job-1").out == "epoch 1\n"
    code, _, err = modelway("logs", "job-2")
    assert code == 2
    assert "known: job-1" in err


@pytest.mark.parametrize("job", ["../secret", "jobs/job-1", "..", "."])
def test_a_log_is_read_only_from_the_jobs(modelway: Command, tmp_path: Path, job: str) -> None:
    (tmp_path / "home" / "jobs").mkdir(parents=True)
    (tmp_path / "home" / "log").write_text("secret")
    (tmp_path / "home" / "jobs" / "log").write_text("secret")
    code, out, _ = modelway("logs", job)
    assert (code, out) == (2, "")
