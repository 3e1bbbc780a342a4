"""What triggered a pipeline is asked of GitLab: python-gitlab against a small stateful GitLab on loopback."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator

import boto3
import gitlab
import pytest
from moto import mock_aws

from modelway.contracts import Upstream
from modelway.errors import PlatformError
from modelway.gitlab.client import GitLabDenied, connect, connect_as_job, connect_to_settings
from modelway.gitlab.upstream import NotVerified, OwnJob, own_job, refuse_pipeline_variables, verified
from modelway.pipeline.source import requester
from tests.fake_gitlab.server import State, start
from tests.unit.sagemaker.test_requests import PLATFORM

pytestmark = pytest.mark.integration
COMMIT = "a" * 40


@pytest.fixture
def state() -> State:
    state = State(jobs={7: COMMIT})
    state.trigger(COMMIT)
    return state


@pytest.fixture
def environ(state: State) -> Iterator[dict[str, str]]:
    server, address = start(state)
    yield {
        "CI_SERVER_URL": address,
        "MODELWAY_GITLAB_TOKEN": "right-token",
        "MODELWAY_SETTINGS_TOKEN": "right-token",
        "CI_JOB_TOKEN": "job-token",
    }
    server.shutdown()
    server.server_close()


def ask(environ: dict[str, str]) -> Upstream:
    own = own_job(connect_as_job(environ))
    path = refuse_pipeline_variables(connect_to_settings(environ), own.project_id)
    return verified(connect(environ), own, path, "fraud")


def test_the_job_is_known_by_its_own_token(environ: dict[str, str]) -> None:
    expected = OwnJob(job_id=70, project_id=1, pipeline_id=99, pipeline_url="https://gitlab.example/99", user="ada")
    assert own_job(connect_as_job(environ)) == expected
    with pytest.raises(GitLabDenied):
        own_job(connect_as_job({**environ, "CI_JOB_TOKEN": "another"}))


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="be named as another in the record of who approved or deployed, by a variable",
    stopped_by="GitLab says whose job it is, AWS whose session, the system whose process",
)
def test_who_asks_is_no_variable(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITLAB_USER_LOGIN", "GITLAB_USER_NAME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "mallory")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert requester(PLATFORM) == "ada"
    monkeypatch.delenv("CI_JOB_TOKEN")
    assert requester(PLATFORM) == pwd.getpwuid(os.getuid()).pw_name


@mock_aws
def test_outside_gitlab_it_is_the_session_that_aws_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI_JOB_TOKEN", raising=False)
    role = "arn:aws:iam::123456789012:role/modelway-dev-ci"
    keys = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="ada")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it has the keys of before
    who = requester(PLATFORM.model_copy(update={"environment": "dev"}))
    assert who == "arn:aws:sts::123456789012:assumed-role/modelway-dev-ci/ada"


def test_upstream_is_what_gitlab_says(environ: dict[str, str]) -> None:
    found = ask(environ)
    assert (found.project_path, found.ref, found.commit_sha, found.source_job_id) == ("risk/fraud", "main", COMMIT, 7)
    assert (found.pipeline_id, found.downstream_pipeline_id, found.commit_title) == (901, 99, "feat: more")
    assert found.released


def test_a_merge_request_is_not_released(state: State, environ: dict[str, str]) -> None:
    state.trigger(COMMIT, ref="refs/merge-requests/5/head", source="merge_request_event")
    state.merge_requests[5] = {"source_project_id": 42}
    found = ask(environ)
    assert (found.merge_request, found.released) == (5, False)


def _fork(state: State) -> None:
    state.trigger(COMMIT, ref="refs/merge-requests/5/head", source="merge_request_event")
    state.merge_requests[5] = {"source_project_id": 43}


def _another_bridge(state: State) -> None:
    state.pipelines[901]["bridges"][0]["downstream_pipeline"] = {"id": 98, "project_id": 1}


def _no_upstream(state: State) -> None:
    state.above.clear()


def _other_commit(state: State) -> None:
    state.pipelines[901]["jobs"][0]["commit"] = {"id": "b" * 40}


def _branch_like_a_merge_request(state: State) -> None:
    state.trigger(COMMIT, ref="refs/merge-requests/5/head", source="push")


def _two_sources(state: State) -> None:
    state.pipelines[901]["jobs"].append({**state.pipelines[901]["jobs"][0], "id": 6})


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="start the platform's pipeline from a fork, without a bridge, or with another commit's code",
    stopped_by="fetch-model asks GitLab for the pipeline above, and that one's trigger jobs for ours",
)
@pytest.mark.parametrize(
    "change", [_fork, _another_bridge, _no_upstream, _other_commit, _branch_like_a_merge_request, _two_sources]
)
def test_what_gitlab_does_not_confirm_is_refused(
    state: State, environ: dict[str, str], change: Callable[[State], None]
) -> None:
    change(state)
    with pytest.raises(NotVerified):
        ask(environ)


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="push a tag that is called like the default branch",
    stopped_by="a tag is recorded as refs/tags/…, which no default branch is",
)
def test_a_tag_is_no_branch(state: State, environ: dict[str, str]) -> None:
    state.pipelines[901]["tag"] = True
    assert not ask(environ).released


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="set variables of the platform's pipeline by the trigger job",
    stopped_by="GitLab's setting that nobody may, which fetch-model checks before it trusts anything",
)
@pytest.mark.parametrize(
    "settings",
    [
        {"ci_pipeline_variables_minimum_override_role": "developer"},
        {"ci_pipeline_variables_minimum_override_role": "owner"},
        {"restrict_user_defined_variables": False},
        {"ci_pipeline_variables_minimum_override_role": None},
    ],
    ids=["developer", "owner", "unrestricted", "not shown"],
)
def test_a_project_that_takes_pipeline_variables_is_refused(
    state: State, environ: dict[str, str], settings: dict[str, object]
) -> None:
    state.projects[1] |= settings
    with pytest.raises(PlatformError, match="pipeline variables of this project"):
        ask(environ)
    assert not any("/projects/42" in request for request in state.requests)


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="name a server of theirs by CI_SERVER_URL, to be sent the API token",
    stopped_by="the address in ci/trusted.toml",
)
@pytest.mark.parametrize("connecting", [connect, connect_as_job, connect_to_settings])
def test_no_token_goes_to_another_server(
    environ: dict[str, str], connecting: Callable[[dict[str, str]], gitlab.Gitlab]
) -> None:
    with pytest.raises(PlatformError, match=r"CI_SERVER_URL is https://gitlab\.com\.evil\.example"):
        connecting({**environ, "CI_SERVER_URL": "https://gitlab.com.evil.example"})
