"""`modelway ci fetch`, `note` and `retrain-all` as GitLab's jobs type them, against the fake GitLab."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modelway.cli.main import run
from modelway.contracts import TrainingRequest, Upstream
from modelway.errors import UserError
from modelway.gitlab import commands
from modelway.pipeline.work import WorkFolder
from modelway.platform import Platform
from tests.fake_gitlab.server import Artifact, State, start
from tests.unit.gitlab.test_notes import record
from tests.unit.gitlab.test_schedules import request
from tests.unit.pipeline.test_source import UPSTREAM

pytestmark = pytest.mark.integration
COMMIT = "a" * 40
PNG = b"\x89PNG picture"
PLATFORM = Platform(
    data_bucket="data",
    artifacts_bucket="artifacts",
    job_role_arn="arn:aws:iam::123456789012:role/modelway-local-job-{model}",
    endpoint_role_arn="arn:aws:iam::123456789012:role/modelway-local-endpoint-{model}",
    signing_key_id="alias/modelway-local-signing",
    sns_topic_arn="arn:aws:sns:eu-west-1:123456789012:x",
    poll_seconds=0.1,
)


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def state() -> State:
    state = State(jobs={7: COMMIT})
    state.trigger(COMMIT)
    return state


@pytest.fixture
def modelway(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Any]:
    """The command as typed in a job of the platform's pipeline 99."""
    server, address = start(state)
    variables = {
        **PLATFORM.to_environment(),
        "CI_SERVER_URL": address,
        "CI_JOB_TOKEN": "job-token",
        "MODELWAY_GITLAB_TOKEN": "right-token",
        "MODELWAY_SETTINGS_TOKEN": "right-token",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def typed(*words: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["modelway", "ci", *words])
        with pytest.raises(SystemExit) as ended:
            run()
        said = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), said.out, said.err)

    yield typed
    server.shutdown()
    server.server_close()


def fetch(modelway: Any, *more: str) -> Outcome:
    found: Outcome = modelway("fetch", "--model", "fraud", "--into", "source", *more)
    return found


def pack(state: State, name: str, **more: str) -> None:
    """The artifact of job 7: a model.yaml of that name, and more files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.yaml", request(name, "daily").model.model_dump_json())
        for path, text in more.items():
            archive.writestr(path, text)
    state.artifacts[7] = Artifact.of(buffer.getvalue())


def facts(tmp_path: Path) -> Upstream:
    return Upstream.model_validate_json((tmp_path / "out" / "upstream" / "upstream.json").read_text())


def test_fetch_leaves_the_code_and_what_is_known_of_it(modelway: Any, state: State, tmp_path: Path) -> None:
    pack(state, "fraud")
    said = f"fetched job 7 of risk/fraud (main, {COMMIT[:12]}) into source\n"
    assert fetch(modelway) == Outcome(0, said, "")
    assert "fraud" in (tmp_path / "source" / "model.yaml").read_text()
    assert (facts(tmp_path).project_path, facts(tmp_path).released) == ("risk/fraud", True)
    assert fetch(modelway).code == 2, "a folder that holds something is not overwritten"


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="send a .git folder whose configuration runs a program",
    stopped_by="repositories are left out when an artifact is unpacked, at any depth and in any case",
)
@pytest.mark.parametrize("place", [".git/config", "a/b/.git/config", ".GIT/config", ".git", "git~1/config", ".git./x"])
def test_no_repository_arrives(modelway: Any, state: State, tmp_path: Path, place: str) -> None:
    pack(state, "fraud", **{place: "[gpg] program = x", ".gitattributes": "", "src/model.py": ""})
    assert fetch(modelway).code == 0
    files = {path.relative_to(tmp_path / "source").as_posix() for path in (tmp_path / "source").rglob("*")}
    assert files - {"a", "a/b"} == {"model.yaml", ".gitattributes", "src", "src/model.py"}


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="train, push or write a note under the name of another project's model",
    stopped_by="fetch-model compares GitLab's path of the project with the setting `models`",
)
@pytest.mark.parametrize("named", ["fraud", "churn"], ids=["by the input", "by model.yaml alone"])
def test_a_name_of_another_project_is_refused_before_anything_is_kept(
    modelway: Any, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    owners = {"fraud": "other/fraud"} if named == "fraud" else {"fraud": "risk/fraud", "churn": "other/churn"}
    monkeypatch.setenv("MODELWAY_MODELS", json.dumps(owners))
    pack(state, named)
    outcome = fetch(modelway)
    assert outcome.code == 2
    assert "may not use the name 'fraud'" in outcome.err or "model.yaml says 'churn'" in outcome.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("token", "code", "said"),
    [("wrong", 3, "GitLab refuses the token (401)"), ("", 3, "there is no token for GitLab")],
    ids=["wrong", "none"],
)
def test_fetch_says_what_is_wrong_with_the_token(
    modelway: Any, monkeypatch: pytest.MonkeyPatch, token: str, code: int, said: str
) -> None:
    monkeypatch.setenv("MODELWAY_GITLAB_TOKEN", token)
    outcome = fetch(modelway)
    assert outcome.code == code
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_an_artifact_that_is_gone_is_the_model_teams_to_renew(modelway: Any) -> None:
    outcome = fetch(modelway)
    assert (outcome.code, "run the upstream pipeline again" in outcome.err) == (2, True)


@pytest.fixture
def note(modelway: Any, tmp_path: Path) -> Any:
    """`note` on a record and a model.yaml that lie there."""
    known = UPSTREAM.model_copy(
        update={
            "model_name": "churn",
            "merge_request": 5,
            "ref": "feature",
            "downstream_pipeline_url": f"{os.environ['CI_SERVER_URL']}/77",
        }
    )
    WorkFolder().room("upstream").write("upstream", known)
    (tmp_path / "record.json").write_text(record().model_dump_json())
    (tmp_path / "model.yaml").write_text(request("churn", "daily").model.model_dump_json())
    return lambda *more: modelway("note", "--record", "record.json", "--model", "model.yaml", *more)


def test_the_note_shows_plot_numbers_and_links_and_is_updated(
    note: Any, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plot.png").write_bytes(PNG)
    monkeypatch.setenv("MODELWAY_AIRFLOW_URL", "https://airflow.example/")
    monkeypatch.setenv("MODELWAY_DAG_RUN_URL", "https://airflow.example/run")
    for _ in range(2):
        assert note("--plot", "plot.png") == Outcome(0, "note 1 of merge request 5 is up to date\n", "")
    (written,) = state.notes[5].values()
    for part in (
        "### churn 1.4.2+r0: better than the champion",
        "![plot](/uploads/1/plot.png)",
        "+0.01 … +0.03 (95%)",
        "[DAG run](https://airflow.example/run)",
        f"[pipeline]({os.environ['CI_SERVER_URL']}/77)",
        "The deploy job comes with the default branch's pipeline",
    ):
        assert part in written["body"]
    assert PNG in state.uploads[0]


def test_outside_a_merge_request_there_is_no_note(note: Any, state: State) -> None:
    WorkFolder().room("upstream").write("upstream", UPSTREAM.model_copy(update={"model_name": "churn"}))
    assert note() == Outcome(0, "this pipeline is of main, not of a merge request: there is no note to write\n", "")
    assert state.requests == []


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="have the platform write into another project's merge request",
    stopped_by="project and merge request come from what fetch-model verified, not from variables",
)
def test_a_note_goes_where_the_pipeline_came_from(note: Any, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UPSTREAM_PROJECT_ID", "CI_PROJECT_ID", "UPSTREAM_MR_IID", "CI_MERGE_REQUEST_IID"):
        monkeypatch.setenv(name, "666")
    assert note().code == 0
    assert {path for path in state.requests if "666" in path} == set()
    assert list(state.notes) == [5]


def test_a_note_before_fetch_says_so(modelway: Any) -> None:
    outcome = modelway("note", "--record", "record.json", "--model", "model.yaml")
    assert (outcome.code, "modelway ci fetch" in outcome.err) == (2, True)


class Registry:
    """Two models of the daily schedule and a package whose request is gone."""

    def __init__(self, platform: Platform) -> None:
        assert platform == PLATFORM

    def newest(self) -> list[dict[str, Any]]:
        return [{"ModelPackageArn": f"arn:{name}", "name": name} for name in ("churn", "fraud", "gone")]

    def training_request(self, package: dict[str, Any]) -> TrainingRequest:
        if package["name"] == "gone":
            raise UserError("its request is gone")
        return request(package["name"], "daily")


def test_one_model_that_fails_keeps_no_other_from_training(modelway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(commands, "Releases", Registry)
    monkeypatch.setattr(commands, "_retrain", lambda name: started.append(name) or int(name == "churn") * 2)
    outcome = modelway("retrain-all", "--schedule", "daily")
    assert sorted(started) == ["churn", "fraud"]
    assert outcome.out == "churn: failed with exit code 2\nfraud: retrained\n"
    assert (outcome.code, "not retrained: churn, arn:gone" in outcome.err) == (3, True)


def test_a_schedule_without_models_is_no_failure(modelway: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "Releases", Registry)
    monkeypatch.setattr(Registry, "newest", lambda _: [])
    assert modelway("retrain-all", "--schedule", "weekly") == Outcome(0, "", "")


def test_a_schedule_that_is_none_is_refused(modelway: Any) -> None:
    assert modelway("retrain-all", "--schedule", "hourly").code == 2
