"""Provenance: GitLab's answers in a pipeline, git on a laptop, and else the content itself; never a variable."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from modelway.contracts import Upstream
from modelway.errors import UserError
from modelway.pipeline import source
from tests.unit.sagemaker.test_requests import PLATFORM

UPSTREAM = Upstream(
    model_name="fraud",
    project_id=42,
    project_path="risk/fraud",
    default_branch="main",
    ref="main",
    commit_sha="b" * 40,
    commit_title="feat: more",
    pipeline_id=901,
    source_job_id=7,
    downstream_pipeline_id=77,
    downstream_pipeline_url="https://gitlab/77",
)
OWNED = PLATFORM.model_copy(update={"models": {"fraud": "risk/fraud"}})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder outside git, in an environment without a pipeline."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    made = tmp_path / "fraud"
    made.mkdir()
    (made / "model.py").write_text("x = 1\n")
    return made


def commit(folder: Path, message: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q", "-b", "work"], ["add", "."], ["commit", "-q", "-m", message]):
        subprocess.run(["git", "-C", str(folder), *who, *command], check=True, capture_output=True)


def test_a_pipeline_says_where_the_code_is_from(folder: Path) -> None:
    known = source.provenance(folder, UPSTREAM)
    assert (known.commit_sha, known.project_path, known.ref) == ("b" * 40, "risk/fraud", "main")
    assert (known.pipeline_id, known.pipeline_url) == ("77", "https://gitlab/77")
    assert (known.commit_title, known.released, known.merge_request) == ("feat: more", True, None)


@pytest.mark.parametrize(
    "changed", [{"merge_request": 5}, {"ref": "feature"}, {"ref": "refs/tags/main"}], ids=["MR", "branch", "tag"]
)
def test_only_the_default_branch_is_released(folder: Path, changed: dict[str, object]) -> None:
    assert not source.provenance(folder, UPSTREAM.model_copy(update=changed)).released


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="name another project, branch, merge request, commit or title by a variable",
    stopped_by="provenance comes from GitLab's API; no variable of upstream is read",
)
@pytest.mark.parametrize("name", ["PROJECT_PATH", "COMMIT_SHA", "COMMIT_TITLE", "REF", "DEFAULT_BRANCH", "MR_IID"])
def test_no_variable_says_where_the_code_is_from(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = source.provenance(folder, UPSTREAM)
    for value in ("c" * 40, "1"):
        monkeypatch.setenv(f"UPSTREAM_{name}", value)
        monkeypatch.setenv(f"CI_{name}", value)
        assert source.provenance(folder, UPSTREAM) == before
        assert value not in source.provenance(folder).model_dump_json(exclude={"pipeline_id", "commit_sha"})


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="call the model by a name that belongs to another project",
    stopped_by="the setting `models`, which names each model's GitLab project",
)
@pytest.mark.parametrize("path", ["risk/fraud2", "evil/fraud", "risk/Fraud"])
def test_a_name_belongs_to_one_project(path: str) -> None:
    source.refuse_foreign(OWNED, UPSTREAM, "fraud")
    with pytest.raises(UserError, match="belongs to risk/fraud"):
        source.refuse_foreign(OWNED, UPSTREAM.model_copy(update={"project_path": path}), "fraud")


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_outside_local_a_model_that_nobody_has_is_refused(environment: str) -> None:
    unlisted = PLATFORM.model_copy(update={"environment": environment, "models": {}})
    with pytest.raises(UserError, match="no project has that model here"):
        source.refuse_foreign(unlisted, UPSTREAM, "fraud")


def test_the_pipelines_name_is_model_yamls_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"the pipeline is for 'fraud' and model\.yaml says 'churn'"):
        source.refuse_foreign(OWNED, UPSTREAM, "churn")
    monkeypatch.setenv("MODELWAY_MODEL_NAME", "churn")
    for upstream in (UPSTREAM, None):
        with pytest.raises(UserError, match=r"the pipeline is for 'churn' and model\.yaml says 'fraud'"):
            source.refuse_foreign(OWNED, upstream, "fraud")


def test_git_says_so_on_a_laptop(folder: Path) -> None:
    commit(folder, "fix: a thing\n\nAt length.")
    known = source.by_hand(folder)
    assert (known.ref, known.commit_title, known.project_path) == ("work", "fix: a thing", "fraud")
    assert known.pipeline_id.startswith("local-")
    assert known.commit_sha != source.provenance(folder).commit_sha, "a pipeline never asks git"


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="have git run a script: log.showSignature with gpg.program, core.fsmonitor, hooks",
    stopped_by="git is told otherwise on its command line, and is not run at all in a pipeline",
)
@pytest.mark.parametrize("key", ["gpg.program", "core.fsmonitor", "core.pager", "core.hooksPath"])
def test_a_repositorys_configuration_runs_nothing(folder: Path, tmp_path: Path, key: str) -> None:
    commit(folder, "fix: a thing")
    script, ran = tmp_path / "script", tmp_path / "ran"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    for name, value in ((key, str(script)), ("log.showSignature", "true")):
        subprocess.run(["git", "-C", str(folder), "config", name, value], check=True)
    signed = subprocess.run(
        ["git", "-C", str(folder), "cat-file", "commit", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.replace("\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n -----END PGP SIGNATURE-----\n\n", 1)
    written = subprocess.run(
        ["git", "-C", str(folder), "hash-object", "-t", "commit", "-w", "--stdin"],
        input=signed,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    subprocess.run(["git", "-C", str(folder), "update-ref", "HEAD", written], check=True)
    assert source.by_hand(folder).commit_title == "fix: a thing"
    assert not ran.exists()


def test_outside_git_the_content_stands_for_the_commit(folder: Path) -> None:
    first = source.by_hand(folder)
    assert (first.ref, first.commit_title) == ("main", "")
    assert source.provenance(folder).commit_sha == first.commit_sha
    (folder / "model.py").write_text("x = 2\n")
    assert source.provenance(folder).commit_sha != first.commit_sha


def test_each_run_by_hand_is_its_own(folder: Path) -> None:
    assert source.pipeline_id() != source.pipeline_id()


def test_a_long_title_is_cut(folder: Path) -> None:
    commit(folder, "x" * 300)
    assert len(source.by_hand(folder).commit_title) == 255


def test_without_git_installed_the_content_stands_for_the_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = source.by_hand(folder)
    monkeypatch.setenv("PATH", "")
    again = source.by_hand(folder)
    assert (again.commit_sha, again.ref, again.commit_title) == (known.commit_sha, "main", "")
