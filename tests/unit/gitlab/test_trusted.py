"""What a job with an identity refuses to be told by its environment."""

from __future__ import annotations

import ast
import re
import subprocess
from typing import Any

import botocore.session
import pytest
from uv import find_uv_bin

from modelway.gitlab import trusted
from modelway.gitlab.trusted import FAMILIES, Overridden, gitlab_server, on_loopback, refuse_overrides
from tests.unit.ci.pipeline_yaml import ROOT, merged

ROLE = "arn:aws:iam::123456789012:role/modelway-dev-ci"
JOB = {
    "MODELWAY_ENVIRONMENT": "dev",
    "AWS_ROLE_ARN": ROLE,
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/builds/.aws-token",
    "AWS_ROLE_SESSION_NAME": "gitlab-1-2",
    "AWS_REGION": "eu-west-1",
    "PATH": "/usr/bin",
    "PYTHON_VERSION": "3.11.16",
}
SYNC_HELP = subprocess.run([find_uv_bin(), "sync", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
CLIENTS = {
    call.args[0].value
    for path in (ROOT / "src" / "modelway").rglob("*.py")
    for call in ast.walk(ast.parse(path.read_text()))
    if isinstance(call, ast.Call)
    and ast.unparse(call.func) == "boto3.client"
    and isinstance(call.args[0], ast.Constant)
}


def endpoint_variable(service: object) -> str:
    """botocore's own name for it: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"""
    identifier = botocore.session.get_session().get_service_model(str(service)).service_id
    return f"AWS_ENDPOINT_URL_{identifier.upper().replace(' ', '_')}"


# boto3 takes the role by sts of itself, with the identity token.
ENDPOINTS = sorted({"AWS_ENDPOINT_URL", *map(endpoint_variable, {"sts", *CLIENTS})})
OTHERS = (
    *sorted(set(re.findall(r"\[env: (\w+)", SYNC_HELP)) - FAMILIES["UV_"]),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE", "PIP_TRUSTED_HOST"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV"),
    *("AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "BOTO_CONFIG"),
)


@pytest.fixture(autouse=True)
def roles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that lists one role."""
    known = trusted.trusted().model_copy(update={"roles": (ROLE,)})
    monkeypatch.setattr(trusted, "trusted", lambda: known)


def test_the_lists_are_read() -> None:
    """So that an attack with an empty list is no success."""
    assert {"s3", "ecr", "sagemaker", "lambda"} <= CLIENTS
    assert "UV_DEFAULT_INDEX" in OTHERS


def test_a_job_as_the_yaml_makes_it_passes() -> None:
    refuse_overrides(JOB)


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="redirect AWS's calls, the package index, Python or the shell of a job with an identity by a variable",
    stopped_by="every variable of those families that the platform does not set itself is refused by name",
)
@pytest.mark.parametrize("name", [*ENDPOINTS, *OTHERS])
def test_no_variable_redirects_a_job_with_an_identity(name: str) -> None:
    with pytest.raises(Overridden, match=f"does not take {name}"):
        refuse_overrides({**JOB, name: "https://evil.example"})


def test_what_boto_reads_of_the_environment_is_refused_or_known() -> None:
    """From botocore's own list of variables, so that a new one is not missed."""
    mapping: dict[str, Any] = botocore.session.get_session().session_var_map
    named = {name for _, names, *_ in mapping.values() for name in ([names] if isinstance(names, str) else names or [])}
    assert len(named) > 10
    for name in named - FAMILIES["AWS_"]:
        with pytest.raises(Overridden):
            refuse_overrides({**JOB, name: "x"})


def test_what_the_yaml_sets_is_not_refused() -> None:
    """Variables of the platform's own files are among those that are allowed."""
    everything = merged()
    named = {name for job in everything.values() if isinstance(job, dict) for name in job.get("variables", {})}
    named |= set(everything["variables"])
    terraforms = {name for name in named if name.startswith("TF_")}
    refuse_overrides(
        {**JOB, **dict.fromkeys(named - terraforms - {"AWS_ROLE_ARN"}, "x"), "MODELWAY_ENVIRONMENT": "dev"}
    )


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="have a job assume a role of their own account",
    stopped_by="the list of roles in ci/trusted.toml",
)
def test_another_role_is_refused() -> None:
    with pytest.raises(Overridden, match="does not list"):
        refuse_overrides({**JOB, "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/modelway-dev-ci"})


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="say MODELWAY_ENVIRONMENT=local, which has no scan gate and no owners of names",
    stopped_by="local is refused beside an identity, and where an endpoint leads off this machine",
)
@pytest.mark.parametrize(
    "environ",
    [
        {**JOB, "MODELWAY_ENVIRONMENT": "local"},
        {**JOB, "MODELWAY_ENVIRONMENT": ""},
        {"MODELWAY_ENVIRONMENT": "local", "MODELWAY_AWS_TOKEN": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
        {"MODELWAY_ENVIRONMENT": "local", "AWS_ENDPOINT_URL": "https://evil.example"},
        {
            "MODELWAY_ENVIRONMENT": "local",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_S3": "http://e.x",
        },
        {"MODELWAY_ENVIRONMENT": "local"},
    ],
    ids=["identity", "default", "token", "endpoint", "one endpoint", "no endpoint"],
)
def test_local_is_only_on_loopback_and_without_an_identity(environ: dict[str, str]) -> None:
    with pytest.raises(Overridden, match="is local"):
        refuse_overrides(environ)


def test_the_local_stack_passes() -> None:
    refuse_overrides({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "PYTHONPATH": "x", "AWS_ACCESS_KEY_ID": "local"})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1.evil.example", "http://localhost.evil.example", "http://127.0.0.1@evil.example", "x", ""]
)
def test_what_only_looks_like_this_machine_is_not(url: str) -> None:
    assert not on_loopback(url)


def test_the_server_is_the_files() -> None:
    assert gitlab_server({}) == gitlab_server({"CI_SERVER_URL": "https://gitlab.com/"}) == "https://gitlab.com"
    assert gitlab_server({"CI_SERVER_URL": "http://127.0.0.1:8"}) == "http://127.0.0.1:8"
    with pytest.raises(Overridden, match=r"ci/trusted\.toml says https://gitlab\.com"):
        gitlab_server({"CI_SERVER_URL": "https://gitlab.example"})
