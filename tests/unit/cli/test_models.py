"""Bad input ends in one message that says where and what, before anything is asked of AWS."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Command

MODEL_YAML = """\
schema_version: 1
name: fraud-detector
problem_type: regression
surprise: 1
training:
  channels: {train: a, test: b}
evaluation:
  metrics: {rmse: {}}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "fraud"
    folder.mkdir()
    (folder / "model.yaml").write_text(MODEL_YAML.replace("surprise: 1\n", ""))
    return folder


def test_an_approval_that_is_none(modelway: Command, model: Path) -> None:
    code, _, err = modelway("run", str(model), "--approve", "sometimes")
    assert code == 2
    assert "'sometimes' is none of auto, ask, never" in err


def test_an_unknown_key_is_named_with_its_line(modelway: Command, model: Path) -> None:
    (model / "model.yaml").write_text(MODEL_YAML)
    code, _, err = modelway("run", str(model))
    assert code == 2
    assert f"{model / 'model.yaml'}:4" in err
    assert "surprise" in err
    assert "Traceback" not in err


def test_new_leaves_what_is_there(modelway: Command, model: Path) -> None:
    before = sorted(model.iterdir())
    code, _, err = modelway("new", str(model))
    assert code == 2
    assert "is not empty" in err
    assert sorted(model.iterdir()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("new", "9lives"), "9lives"),
        (("new", "champion"), "champion"),
        (("new", "fine", "--problem-type", "astrology"), "astrology"),
    ],
    ids=["name", "reserved", "problem"],
)
def test_new_refuses_what_run_would_refuse(
    modelway: Command, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    code, _, err = modelway(*words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / words[1]).exists()


def test_a_file_where_a_folder_belongs(modelway: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    code, _, err = modelway("new", "taken")
    assert code == 2
    assert "taken" in err
