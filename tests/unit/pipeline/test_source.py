"""Provenance: a pipeline's variables first, then git, then the content itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from modelway.pipeline import source

VARIABLES = (
    "UPSTREAM_COMMIT_SHA",
    "UPSTREAM_PROJECT_PATH",
    "UPSTREAM_REF",
    "UPSTREAM_COMMIT_TITLE",
    "CI_PIPELINE_ID",
    "CI_PIPELINE_URL",
    "GITLAB_USER_LOGIN",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder outside git, in an environment without a pipeline."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    made = tmp_path / "fraud"
    made.mkdir()
    (made / "model.py").write_text("x = 1\n")
    return made


def commit(folder: Path, message: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q", "-b", "work"], ["add", "."], ["commit", "-q", "-m", message]):
        subprocess.run(["git", "-C", str(folder), *who, *command], check=True, capture_output=True)


def test_a_pipeline_says_where_the_code_is_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = ("b" * 40, "risk/fraud", "feature", "feat: more", "77", "https://gitlab/77", "ada")
    for name, value in zip(VARIABLES, values, strict=True):
        monkeypatch.setenv(name, value)
    found = source.provenance(folder, "schedule")
    assert (found.commit_sha, found.project_path, found.ref) == ("b" * 40, "risk/fraud", "feature")
    assert (found.pipeline_id, found.pipeline_url) == ("77", "https://gitlab/77")
    assert (found.commit_title, found.triggered_by) == ("feat: more", "schedule")
    assert source.requester() == "ada"


def test_git_says_so_on_a_laptop(folder: Path) -> None:
    commit(folder, "fix: a thing\n\nAt length.")
    found = source.provenance(folder)
    assert (found.ref, found.commit_title, found.project_path) == ("work", "fix: a thing", "fraud")
    assert found.pipeline_id.startswith("local-")


def test_outside_git_the_content_stands_for_the_commit(folder: Path) -> None:
    first = source.provenance(folder)
    assert (first.ref, first.commit_title) == ("main", "")
    assert source.provenance(folder).commit_sha == first.commit_sha
    (folder / "model.py").write_text("x = 2\n")
    assert source.provenance(folder).commit_sha != first.commit_sha


def test_each_run_by_hand_is_its_own(folder: Path) -> None:
    assert source.pipeline_id() != source.pipeline_id()


def test_a_long_title_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_COMMIT_TITLE", "x" * 300)
    assert len(source.provenance(folder).commit_title) == 255


def test_without_git_installed_the_content_stands_for_the_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = source.provenance(folder)
    monkeypatch.setenv("PATH", "")
    again = source.provenance(folder)
    assert (again.commit_sha, again.ref, again.commit_title) == (found.commit_sha, "main", "")
