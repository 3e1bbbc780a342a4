"""Bad input ends in one message that says where and what, before anything is asked of AWS."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.cli.console import Console
from modelway.cli.models import _commit
from modelway.contracts import FOR_A_PERSON, Decision, DeploymentRecord, TrainingRecord, Verdict
from tests.unit.cli.conftest import Command
from tests.unit.notifications.test_message import record
from tests.unit.pipeline.test_run import RECORD as DEPLOYED

REFUSED = (Verdict.WORSE, Verdict.BELOW_THRESHOLD)

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


class Pipeline:
    """A pipeline whose candidate has this verdict; what it is asked to deploy."""

    def __init__(self, verdict: Verdict) -> None:
        decision = Decision(verdict=verdict, accepted=True, reasons=("recall may lose more than 0.02",))
        self.trained = record(True, None).model_copy(update={"decision": decision})
        self.deployed: list[str] = []

    def commit(self, _path: Path) -> TrainingRecord:
        return self.trained

    def deploy(self, model: str, version: str) -> DeploymentRecord:
        self.deployed.append(f"{model} {version}")
        return DEPLOYED


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict not in REFUSED])
def test_auto_deploys_only_what_needs_no_person(verdict: Verdict, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = Pipeline(verdict)
    _commit(pipeline, Console(), Path(), "auto")  # type: ignore[arg-type]
    said = "".join(capsys.readouterr())
    assert bool(pipeline.deployed) is (verdict not in FOR_A_PERSON)
    assert ("modelway deploy fraud-detector --version 1.0.0+r0" in said) is (verdict in FOR_A_PERSON)
    assert ("recall may lose more" in said) is (verdict in FOR_A_PERSON)
