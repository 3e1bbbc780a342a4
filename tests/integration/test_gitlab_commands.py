"""`modelway ci fetch`, `note`, `rollback` and `retrain-all` as GitLab's jobs type them, against the fake GitLab."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modelway.cli.main import run
from modelway.contracts import DeploymentRecord, TrainingRequest
from modelway.errors import UserError
from modelway.gitlab import commands
from modelway.platform import Platform
from modelway.versioning import locations
from tests.fake_gitlab.server import Artifact, State, start
from tests.unit.deployment.fake_sagemaker import SageMaker, Texts
from tests.unit.gitlab.test_notes import record
from tests.unit.gitlab.test_schedules import request

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
    return State(jobs={7: COMMIT})


@pytest.fixture
def modelway(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Any]:
    """The command as typed in a job of the platform's pipeline 99."""
    server, address = start(state)
    variables = {
        **PLATFORM.to_environment(),
        "CI_SERVER_URL": address,
        "CI_PROJECT_ID": "1",
        "CI_PIPELINE_ID": "99",
        "MODELWAY_GITLAB_TOKEN": "right-token",
        "UPSTREAM_PROJECT_ID": "3",
        "UPSTREAM_MR_IID": "5",
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
    found: Outcome = modelway("fetch", "--project", "3", "--job", "7", "--commit", COMMIT, "--into", "source", *more)
    return found


def test_fetch_leaves_the_code(modelway: Any, state: State, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.yaml", "name: churn")
    state.artifacts[7] = Artifact.of(buffer.getvalue())
    assert fetch(modelway) == Outcome(0, "fetched job 7 into source\n", "")
    assert (tmp_path / "source" / "model.yaml").read_text() == "name: churn"
    assert fetch(modelway).code == 2, "a folder that holds something is not overwritten"


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
    (tmp_path / "record.json").write_text(record().model_dump_json())
    (tmp_path / "model.yaml").write_text(request("churn", "daily").model.model_dump_json())
    return lambda *more: modelway("note", "--record", "record.json", "--model", "model.yaml", *more)


def test_the_note_shows_plot_numbers_and_links_and_is_updated(
    note: Any, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plot.png").write_bytes(PNG)
    monkeypatch.setenv("MODELWAY_AIRFLOW_URL", "https://airflow.example/")
    monkeypatch.setenv("MODELWAY_DAG_RUN_URL", "https://airflow.example/run")
    state.pipelines[99] = {"report": "https://gitlab.example/jobs/1", "deploy": "https://gitlab.example/jobs/2"}
    for _ in range(2):
        assert note("--plot", "plot.png") == Outcome(0, "note 1 of merge request 5 is up to date\n", "")
    (written,) = state.notes[5].values()
    for part in (
        "### churn 1.4.2+r0: better than the champion",
        "![plot](/uploads/1/plot.png)",
        "+0.01 … +0.03 (95%)",
        "[DAG run](https://airflow.example/run)",
        "[deploy job](https://gitlab.example/jobs/2)",
    ):
        assert part in written["body"]
    assert PNG in state.uploads[0]


@pytest.mark.parametrize("pipelines", [{}, {99: {"report": "x"}}], ids=["token may not look", "merge request"])
def test_without_a_deploy_job_the_note_says_when_there_will_be_one(
    note: Any, state: State, pipelines: dict[int, dict[str, str]]
) -> None:
    state.pipelines = pipelines
    assert note("--plot", "absent.png").code == 0
    (written,) = state.notes[5].values()
    assert "The deploy job comes with the default branch's pipeline" in written["body"]
    assert "![" not in written["body"]


def test_a_note_outside_a_merge_request_is_refused(note: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_MR_IID", "")
    outcome = note()
    assert (outcome.code, "UPSTREAM_MR_IID is '', not a number" in outcome.err) == (2, True)


def deployed(config: str, previous: str | None) -> DeploymentRecord:
    return DeploymentRecord(
        model_name="churn",
        model_version="1.0.0+r0",
        image_digest="sha256:" + "a" * 64,
        endpoint_name="modelway-churn",
        endpoint_arn="arn",
        endpoint_config_name=config,
        action="updated",
        previous_endpoint_config_name=previous,
        verified=True,
    )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> tuple[SageMaker, Texts]:
    """SageMaker with one endpoint that runs `new`, and the artifacts bucket."""
    sagemaker, texts = SageMaker(EndpointStatus="InService", EndpointConfigName="new"), Texts()
    clients = {"sagemaker": sagemaker, "application-autoscaling": sagemaker.autoscaling}
    monkeypatch.setattr(commands.boto3, "client", clients.__getitem__)
    monkeypatch.setattr(commands, "platform_store", lambda _: texts)
    return sagemaker, texts


def test_rollback_gives_back_the_configuration_before(modelway: Any, account: tuple[SageMaker, Texts]) -> None:
    sagemaker, texts = account
    texts.put(locations.deployment_key("churn", "new"), deployed("new", "old").model_dump_json())
    outcome = modelway("rollback", "--model", "churn")
    assert outcome.code == 0, outcome.err
    assert sagemaker.calls == ["update old"]


@pytest.mark.parametrize("known", [True, False], ids=["first deployment", "no record"])
def test_rollback_of_a_first_deployment_is_refused(
    modelway: Any, account: tuple[SageMaker, Texts], known: bool
) -> None:
    sagemaker, texts = account
    if known:
        texts.put(locations.deployment_key("churn", "new"), deployed("new", None).model_dump_json())
    outcome = modelway("rollback", "--model", "churn")
    assert (outcome.code, "no configuration before it is on record" in outcome.err) == (2, True)
    assert sagemaker.calls == []


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
