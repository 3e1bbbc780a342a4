"""pylint on a model's code, for real."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from modelway.admission import validate_model

pytestmark = pytest.mark.integration
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "breast-cancer"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    target = tmp_path / "repo"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_pylint_errors_block_and_the_rest_warns(repo: Path) -> None:
    edit(repo / "src" / "model.py", "scores.tolist(),", "scores.tolist() + undefined_name,")
    with (repo / "src" / "model.py").open("a") as stream:
        stream.write("\n\ndef Shout():\n    pass\n")
    findings = validate_model(repo)
    assert [finding.check for finding in findings if finding.blocks] == ["pylint:undefined-variable"]
    assert any(finding.check == "pylint:invalid-name" for finding in findings)
    assert findings[0].path == repo / "src" / "model.py"
    assert findings[0].line > 1


def test_the_rcfile_of_the_repo_is_used(repo: Path) -> None:
    edit(repo / "src" / "model.py", "scores.tolist(),", "scores.tolist() + undefined_name,")
    (repo / "pylintrc").write_text("[MESSAGES CONTROL]\ndisable=all\nenable=missing-function-docstring\n")
    assert validate_model(repo) == []


def test_a_broken_rcfile_blocks(repo: Path) -> None:
    (repo / "pylintrc").write_text("[MAIN\n")
    (finding,) = validate_model(repo)
    assert finding.blocks
    assert "pylint did not run" in finding.message
