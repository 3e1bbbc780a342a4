"""What SageMaker would refuse is refused first, with its line in model.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.admission.sagemaker_limits import check_sagemaker
from modelway.contracts.reading import read_model_spec

SPEC = """\
schema_version: 1
name: fraud
problem_type: binary_classification
training:
  instance_type: ml.m5.large
  channels: {train: fraud/train, test: fraud/test}
  hyperparameters:
    C: 1.0
  metric_definitions:
    - {name: loss, regex: 'loss=([0-9.]+)'}
evaluation:
  instance_type: ml.m5.large
  metrics: {roc_auc: {}}
serving:
  instance_type: ml.m5.large
"""


def findings(tmp_path: Path, old: str = "", new: str = "") -> list[str]:
    path = tmp_path / "model.yaml"
    assert old in SPEC
    path.write_text(SPEC.replace(old, new, 1) if old else SPEC)
    return [f"{one.line}: {one.message}" for one in check_sagemaker(path, read_model_spec(path))]


def test_nothing_is_wrong_with_what_works(tmp_path: Path) -> None:
    assert findings(tmp_path) == []


TRAINING, EVALUATION, SERVING = (
    f"{name}:\n  instance_type: ml.m5.large" for name in ("training", "evaluation", "serving")
)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            TRAINING, TRAINING.replace("m5", "t2"), "5: training.instance_type: SageMaker has no", id="training"
        ),
        pytest.param(TRAINING, TRAINING.replace("large", "huge"), "5: training.instance_type", id="no such size"),
        pytest.param(SERVING, SERVING.replace("m5", "t3"), "15: serving.instance_type: SageMaker has no", id="serving"),
        pytest.param(EVALUATION, EVALUATION.replace("m5", "t2"), "12: evaluation.instance_type", id="evaluation"),
        pytest.param("C: 1.0", f"C: {'x' * 3000}", "8: training.hyperparameters.C: SageMaker takes 2500", id="long"),
        pytest.param("C: 1.0", 'C: "a\\nb"', "8: training.hyperparameters.C: SageMaker takes one line", id="two lines"),
        pytest.param("([0-9.]+)'", "([0-9.]+'", "regex: does not compile", id="no end of a group"),
        pytest.param("([0-9.]+)'", "(?<l>[0-9.]+)'", "regex: does not compile", id="Java's named group"),
        pytest.param("([0-9.]+)'", "[0-9.]+'", "10: training.metric_definitions.0.regex: has no group", id="no group"),
        pytest.param("([0-9.]+)'", "(a+)+$'", "10: training.metric_definitions.0.regex: runs away", id="runs away"),
    ],
)
def test_what_cannot_work_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    (found,) = findings(tmp_path, old, new)
    assert said in found


@pytest.mark.parametrize("characters", [2500, 2501])
def test_the_longest_value_is_sagemakers(tmp_path: Path, characters: int) -> None:
    assert len(findings(tmp_path, "C: 1.0", f"C: {'x' * characters}")) == characters - 2500
