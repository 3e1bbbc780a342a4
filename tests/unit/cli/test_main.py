"""The command says what is wrong in one message, with the exit code that tells whose it is, and starts quickly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelway.cli import main


def modelway(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of the command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["modelway", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.run()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def _no_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODELWAY_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["env"],
        ["retrain", "fraud"],
        ["deploy", "fraud"],
        ["invoke", "fraud", "--file", "request.json"],
        ["ci", "version", "examples/breast-cancer"],
    ],
    ids=" ".join,
)
def test_without_a_stack_a_command_says_how_to_start_one(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert modelway(monkeypatch, *command) == 3
    said = capsys.readouterr().err
    assert "the local stack is not running" in said
    assert "fix: modelway up" in said
    assert "Traceback" not in said


def test_settings_that_are_incomplete_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELWAY_ARTIFACTS_BUCKET", "somewhere")
    assert modelway(monkeypatch, "retrain", "fraud") == 3
    assert "MODELWAY_DATA_BUCKET" in capsys.readouterr().err


def test_a_folder_without_model_yaml_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert modelway(monkeypatch, "run", str(tmp_path)) == 2
    assert "model.yaml" in capsys.readouterr().err


def test_an_unknown_way_of_approval_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert modelway(monkeypatch, "run", "examples/breast-cancer", "--approve", "maybe") == 2
    assert "'maybe' is none of auto, ask, never" in capsys.readouterr().err


def test_a_ci_step_out_of_order_names_the_step_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MODELWAY_OUT", str(tmp_path))
    assert modelway(monkeypatch, "ci", "report") == 2
    assert "modelway ci wait" in capsys.readouterr().err


def test_a_folder_that_is_not_empty_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert modelway(monkeypatch, "new", str(tmp_path)) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_no_messages_is_an_empty_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert modelway(monkeypatch, "notifications", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_an_unknown_command_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert modelway(monkeypatch, "fly") == 2
    assert "fly" in capsys.readouterr().err


def test_down_without_a_stack_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert modelway(monkeypatch, "down") == 0


def test_the_command_loads_nothing_heavy_before_it_must() -> None:
    code = "import sys, modelway.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"boto3", "pydantic", "copier", "numpy", "airflow", "gitlab"} & set(loaded)


def test_what_aws_refuses_is_one_line_and_no_traceback() -> None:
    from botocore.exceptions import ClientError

    answer = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"RequestId": "7"}}
    from modelway.cli.main import refusal

    said = refusal(ClientError(answer, "Sign"))  # type: ignore[arg-type]
    assert said == "AWS refused Sign: AccessDenied: no (request 7)"
    assert refusal(KeyError("x")) == ""
