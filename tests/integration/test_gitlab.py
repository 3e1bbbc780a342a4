"""python-gitlab against a small stateful GitLab on loopback: refusals, retries, size, the one note."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import gitlab
import pytest

from modelway.errors import UserError
from modelway.gitlab.artifacts import ArtifactGone, ArtifactUnsafe, download, fetch
from modelway.gitlab.client import GitLabDenied, GitLabUnavailable, connect
from modelway.gitlab.notes import put_note
from tests.fake_gitlab.server import Artifact, State, start

pytestmark = pytest.mark.integration
COMMIT = "a" * 40
MEBIBYTE = 1024 * 1024


@pytest.fixture
def state() -> State:
    return State(jobs={7: COMMIT})


@pytest.fixture
def url(state: State) -> Iterator[str]:
    server, address = start(state)
    yield address
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(url: str) -> gitlab.Gitlab:
    return connect({"CI_SERVER_URL": url, "MODELWAY_GITLAB_TOKEN": "right-token"})


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_the_code_of_a_job_is_unpacked(client: gitlab.Gitlab, state: State, tmp_path: Path) -> None:
    state.artifacts[7] = Artifact.of(zipped(**{"model.yaml": "name: churn", "src/model.py": "pass"}))
    folder = fetch(client, 3, 7, COMMIT, tmp_path / "source")
    assert (folder / "src" / "model.py").read_text() == "pass"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_wrong_token_is_named(url: str, tmp_path: Path) -> None:
    client = connect({"CI_SERVER_URL": url, "MODELWAY_GITLAB_TOKEN": "wrong"})
    with pytest.raises(GitLabDenied, match=r"refuses the token \(401\)[\s\S]*renew MODELWAY_GITLAB_TOKEN"):
        fetch(client, 3, 7, COMMIT, tmp_path / "source")


def test_an_expired_artifact_says_what_to_do(client: gitlab.Gitlab, state: State, tmp_path: Path) -> None:
    state.artifacts[7] = Artifact(0, lambda: iter([]), expired=True)
    with pytest.raises(ArtifactGone, match="run the upstream pipeline again"):
        fetch(client, 3, 7, COMMIT, tmp_path / "source")
    assert not (tmp_path / "source").exists()


def test_a_job_of_another_commit_is_refused(client: gitlab.Gitlab, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not of bbbbbbbbbbbb"):
        fetch(client, 3, 7, "b" * 40, tmp_path / "source")


@pytest.mark.parametrize("fault", [(429, {"Retry-After": "1"}), (502, {})], ids=["429", "502"])
def test_a_passing_fault_is_waited_out(
    client: gitlab.Gitlab, state: State, tmp_path: Path, fault: tuple[int, dict[str, str]]
) -> None:
    state.faults = [fault]
    state.artifacts[7] = Artifact.of(zipped(**{"model.yaml": "x"}))
    assert fetch(client, 3, 7, COMMIT, tmp_path / "source").is_dir()
    assert len(state.requests) == 3


def test_a_lasting_fault_is_the_platforms(
    client: gitlab.Gitlab, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    state.faults = [(503, {})] * 20
    with pytest.raises(GitLabUnavailable, match="503 after all retries"):
        fetch(client, 3, 7, COMMIT, tmp_path / "source")


def test_300_megabytes_pass_through_little_memory(client: gitlab.Gitlab, state: State, tmp_path: Path) -> None:
    chunk = bytes(MEBIBYTE)
    state.artifacts[7] = Artifact(300 * MEBIBYTE, lambda: (chunk for _ in range(300)))
    tracemalloc.start()
    try:
        with (tmp_path / "archive").open("wb") as target:
            download(client, 3, 7, COMMIT, target)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "archive").stat().st_size == 300 * MEBIBYTE
    assert peak < 30 * MEBIBYTE


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "..\\outside"])
def test_an_entry_outside_the_folder_is_refused(client: gitlab.Gitlab, state: State, tmp_path: Path, name: str) -> None:
    state.artifacts[7] = Artifact.of(zipped(**{name: "x"}))
    with pytest.raises(ArtifactUnsafe, match="points outside its folder"):
        fetch(client, 3, 7, COMMIT, tmp_path / "source")
    assert list(tmp_path.iterdir()) == []


def test_a_bomb_is_refused(client: gitlab.Gitlab, state: State, tmp_path: Path) -> None:
    state.artifacts[7] = Artifact.of(zipped(bomb="\0" * (60 * MEBIBYTE)))
    with pytest.raises(ArtifactUnsafe, match="zip bomb"):
        fetch(client, 3, 7, COMMIT, tmp_path / "source")


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="write a note with the platform's marker first, which the platform then fills and they may change",
    stopped_by="only a note of the token's own user is updated",
)
def test_a_note_of_somebody_else_is_not_ours(client: gitlab.Gitlab, state: State) -> None:
    theirs = {"id": 900, "body": "<!-- modelway:churn -->\nmine", "system": False, "author": {"id": 99}}
    state.notes[5] = {900: theirs}
    ours = put_note(client, 3, 5, "churn", "text")
    assert ours != 900
    assert theirs["body"].endswith("mine")
    assert put_note(client, 3, 5, "churn", "later") == ours


def test_the_note_is_one_and_updated_in_place(client: gitlab.Gitlab, state: State) -> None:
    first = put_note(client, 3, 5, "churn", "one")
    other = put_note(client, 3, 5, "fraud", "another model's")
    assert put_note(client, 3, 5, "churn", "two") == first != other
    assert [note["body"].splitlines()[-1] for note in state.notes[5].values()] == ["two", "another model's"]
