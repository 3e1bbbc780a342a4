from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelway.admission import validate_model

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "breast-cancer"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    target = tmp_path / "repo"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def test_the_example_has_no_finding(repo: Path) -> None:
    assert validate_model(repo, lint=False) == []


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "check", "words"),
    [
        ("model.yaml", "roc_auc", "roc_au", "model.yaml", "evaluation.metrics.roc_au: not computed"),
        ("src/model.py", "def predict(", "def forecast(", "functions", "has no function 'predict'"),
        ("src/model.py", "def predict(request: dict, model_dir: Path)", "def predict(r)", "functions", "called with 2"),
        ("src/model.py", "def train(", "def train(*, more, ", "functions", "called with 3 values"),
        ("src/model.py", "def train(", "def train((", "syntax", "is not Python"),
        ("requirements.txt", "numpy==", "numpy>=", "requirements", "is not pinned"),
        ("samples/request.json", '"mean_radius"', '"radius"', "samples", "does not fit schema/io.json"),
        ("samples/response.json", '"label"', '"name"', "samples", "does not fit schema/io.json"),
        ("samples/request.json", "{", "", "samples", "is not JSON"),
        ("schema/io.json", '"request"', '"question"', "samples", "has no 'request'"),
        ("schema/io.json", '"type": "array"', '"type": "row"', "samples", "is not a JSON Schema"),
    ],
)
def test_what_is_wrong_blocks(repo: Path, file: str, old: str, new: str, check: str, words: str) -> None:
    edit(repo / file, old, new)
    finding = validate_model(repo, lint=False)[0]
    assert finding.blocks
    assert finding.check == check
    assert words in finding.message


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("src/model.py", "is missing"),
        ("src/container.py", "is missing"),
        ("samples/train/data.csv", "is missing or empty"),
        ("samples/response.json", "is missing"),
        ("schema/io.json", "is missing"),
        ("model.yaml", "does not exist"),
    ],
)
def test_a_missing_file_blocks(repo: Path, file: str, words: str) -> None:
    (repo / file).unlink()
    assert words in validate_model(repo, lint=False)[0].message


def test_large_samples_block(repo: Path) -> None:
    (repo / "samples" / "train" / "more.csv").write_bytes(b"1" * 6_000_000)
    assert "samples are at most 5 MB" in validate_model(repo, lint=False)[0].message


def test_a_symbolic_link_in_the_source_blocks(repo: Path) -> None:
    (repo / "src" / "secrets").symlink_to("/etc/passwd")
    assert "symbolic link" in validate_model(repo, lint=False)[0].message
