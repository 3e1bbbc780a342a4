"""pylint on a model's code and hadolint on its Dockerfile, for real."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelway.admission import validate_model

pytestmark = pytest.mark.integration
HADOLINT = str(Path(sys.executable).with_name("hadolint"))
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


RCFILES = {
    "pylintrc": "[MAIN]\ninit-hook={hook}\nload-plugins=evil\nignore=model.py\n[MESSAGES CONTROL]\ndisable=all\n",
    ".pylintrc": "[MAIN]\ninit-hook={hook}\n[MESSAGES CONTROL]\ndisable=all\n",
    "pylintrc.toml": "[tool.pylint.main]\ninit-hook = {hook!r}\ndisable = ['all']\n",
    "pyproject.toml": "[tool.pylint.main]\ninit-hook = {hook!r}\ndisable = ['all']\n",
    "setup.cfg": "[pylint.MAIN]\ninit-hook={hook}\n[pylint.MESSAGES CONTROL]\ndisable=all\n",
    "pylint/__init__.py": "{hook}",
    "sitecustomize.py": "{hook}",
    "src/sitecustomize.py": "{hook}",
}


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="run code or switch the lint off by a pylint rcfile or a module that pylint would import",
    stopped_by="pylint reads the platform's rcfile alone and starts isolated from the folder",
)
@pytest.mark.parametrize("name", list(RCFILES))
def test_no_rcfile_of_the_repo_is_read(repo: Path, tmp_path: Path, name: str) -> None:
    edit(repo / "src" / "model.py", "scores.tolist(),", "scores.tolist() + undefined_name,")
    hook = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()"
    (repo / name).parent.mkdir(exist_ok=True)
    (repo / name).write_text(RCFILES[name].format(hook=hook))
    (repo / "src" / "evil.py").write_text(hook)
    checks = {finding.check for finding in validate_model(repo) if finding.blocks}
    assert "pylint:undefined-variable" in checks
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("folder", ["model_template/template", "examples/breast-cancer"])
def test_hadolint_finds_nothing_in_the_dockerfiles(checkout: Path, folder: str) -> None:
    done = subprocess.run(
        [HADOLINT, str(checkout / folder / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_hadolint_would_find_a_fault(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian:latest\nRUN cd /x\n")
    done = subprocess.run([HADOLINT, str(tmp_path / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert {"DL3007", "DL3003"} <= set(done.stdout.split())
