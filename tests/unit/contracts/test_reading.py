from __future__ import annotations

from pathlib import Path

import pytest

from modelway.contracts.reading import SpecInvalidError, find_models, read_model_spec, read_models
from modelway.errors import UserError

GOOD = """\
schema_version: 1
name: fraud-detector
problem_type: binary_classification
training:
  channels: {train: a/train/, test: a/test/}
evaluation:
  metrics:
    roc_auc: {threshold: 0.8}
"""


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    path = tmp_path / "model.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SpecInvalidError) as error:
        read_model_spec(path)
    assert error.value.fix
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in error.value.problems]


@pytest.mark.parametrize("give_folder", [True, False], ids=["folder", "file"])
def test_a_good_file_is_read(tmp_path: Path, give_folder: bool) -> None:
    (tmp_path / "model.yaml").write_text(GOOD)
    spec = read_model_spec(tmp_path if give_folder else tmp_path / "model.yaml")
    assert spec.name == "fraud-detector"
    assert spec.primary_metric == "roc_auc"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("threshold", "treshold", "8:15: evaluation.metrics.roc_auc.treshold: unknown key; did you mean 'threshold'?"),
        ("training:\n", "training:\n  instance_typ: x\n", "5:3: training.instance_typ: unknown key; did you mean"),
        ("training:\n", "wibble: 1\ntraining:\n", "4:1: wibble: unknown key; remove it (known here: schema_version,"),
        ("fraud-detector", "Fraud_Detector", "2:7: name: 'Fraud_Detector' is not allowed; Lower-case"),
        ("fraud-detector", "x" * 33, "2:7: name: "),
        ("fraud-detector", "latest", "2:7: name: 'latest' is a reserved name"),
        ("fraud-detector", "12", "2:7: name: 12 is not text"),
        ("name: fraud-detector\n", "", "1:1: name: is missing; add it"),
        ("  channels: {train: a/train/, test: a/test/}", "  volume_gb: 3", "4:1: training.channels: is missing"),
        ("schema_version: 1", "schema_version: 2", "1:17: schema_version: 2 is not one of 1"),
        ("binary_classification", "binary", "3:15: problem_type: 'binary' is not one of 'binary_classification',"),
        ("0.8", "high", "8:26: evaluation.metrics.roc_auc.threshold: 'high' is not a number"),
        ("0.8", ".nan", "8:26: evaluation.metrics.roc_auc.threshold: nan: input should be a finite number"),
        ("roc_auc", "rmse", "8:5: evaluation.metrics.rmse: not computed for binary_classification; known: accuracy"),
        ("test: a/test/", "holdout: b", "evaluation.channel: 'test' is not one of training.channels"),
        ("roc_auc: {threshold: 0.8}", "9x: {}", "8:5: evaluation.metrics.9x: '9x' is not allowed"),
        ("evaluation:", "serving: []\nevaluation:", "6:1: serving: [] is not a mapping"),
        ("training:\n", "training:\n  hyperparameters: {a: [1]}\n", "training.hyperparameters.a: [1] is not text, a"),
        ("training:\n", "name: other\ntraining:\n", "4:1: name: given twice, first in line 2; keep one"),
    ],
)
def test_a_problem_is_named_at_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    (found,) = problems(tmp_path, GOOD.replace(old, new, 1))
    assert found.startswith("model.yaml:")
    assert expected in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must be a mapping"),
        ("- a\n", "must be a mapping"),
        ("a: [\n", "not YAML"),
        ("a: &x 1\nb: *x\n", "aliases are not supported"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "1:4: not YAML that is read here: could not determine a constructor",
        ),
        ("<<: {a: 1}\n", "keys must be plain text"),
        ("? [x]\n: 1\n", "keys must be plain text"),
        ("[" * 30_000, "nested deeper than 20 levels"),
        (b"a: \xff\n", "is not UTF-8"),
        ("#" * 70_000, "is larger than 65536 bytes"),
    ],
    ids=["empty", "list", "cut off", "alias", "python tag", "merge", "list key", "deep", "latin-1", "huge"],
)
def test_what_is_no_document_is_refused(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert expected in problems(tmp_path, text)[0]


def test_every_problem_is_named_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace("fraud-detector", "X").replace("0.8", "high").replace("a/test/", "3")
    found = problems(tmp_path, text)
    assert [line.split(":")[1] for line in found] == ["2", "5", "8"]


def test_a_missing_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_model_spec(tmp_path / "model.yaml")


def test_models_are_found_a_folder_each(tmp_path: Path) -> None:
    for folder in ("churn", "fraud/v2", ".hidden", "node_modules/x", "env"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "model.yaml").write_text(GOOD.replace("fraud-detector", folder[:5].strip("./")))
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert [str(path.relative_to(tmp_path)) for path in find_models(tmp_path)] == [
        "churn/model.yaml",
        "fraud/v2/model.yaml",
    ]
    assert {spec.name for spec in read_models(tmp_path).values()} == {"churn", "fraud"}


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.yaml").write_text(GOOD)
    with pytest.raises(UserError, match="both describe a model named 'fraud-detector'"):
        read_models(tmp_path)


def test_a_repo_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model\.yaml"):
        read_models(tmp_path)
