"""ci/hermetic.sh: what a program beside an identity sees of the job's variables, held against what the code reads."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

from modelway.gitlab.trusted import IDENTITY
from modelway.platform import Platform
from tests.unit.ci.pipeline_yaml import ROOT, has_identity, jobs

SCRIPT = ROOT / "ci" / "hermetic.sh"
ASSIGNED = re.findall(r"^\w+='([^']*)'", SCRIPT.read_text(), re.MULTILINE)
LISTED = frozenset(name for names in ASSIGNED for name in names.split())
# Read by jobs without an identity alone.
BUILDING = {"MODELWAY_CACHE", "MODELWAY_BUILDER", "MODELWAY_BASE_IMAGE", "MODELWAY_STORAGE_DRIVER", "MODELWAY_BUILD_CA"}
LOOPBACK = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}


def seen(**given: str) -> dict[str, str]:
    """The environment of a program that the script starts in a job with these variables."""
    done = subprocess.run(
        ["sh", str(SCRIPT), "env", "-0"],
        env={"PATH": os.environ["PATH"], **given},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="lead pip, uv, boto3, Terraform or Python astray by a variable, or by files in a HOME of their choosing",
    stopped_by="each program beside an identity is started with listed variables only and an empty HOME",
)
def test_nothing_else_of_the_job_arrives(tmp_path: Path) -> None:
    hostile = dict.fromkeys(
        ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PYTHONPATH", "AWS_ENDPOINT_URL_STS", "TF_CLI_CONFIG_FILE", "BASH_ENV",
         "XDG_CONFIG_HOME", "SSL_CERT_FILE", "GIT_SSH_COMMAND", "NOBODY_THOUGHT_OF_IT", *IDENTITY, *LOOPBACK],
        "evil",
    )  # fmt: skip
    arrived = seen(HOME=str(tmp_path), MODELWAY_ENVIRONMENT="dev", **hostile)
    allowed = {"PATH", "HOME", "MODELWAY_ENVIRONMENT", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
    # The shell's own.
    assert arrived.keys() - {"PWD", "SHLVL", "_", "OLDPWD"} == allowed
    assert arrived["HOME"] != str(tmp_path)
    assert list(Path(arrived["HOME"]).iterdir()) == []


def test_a_value_arrives_as_it_is() -> None:
    """Quotes, spaces, dollars, line ends and stars: it passes through `eval` by name alone."""
    text = """{"a b": "c'd\\$(touch x)`y`*"}\n=z"""
    assert seen(MODELWAY_MODELS=text)["MODELWAY_MODELS"] == text
    assert seen(MODELWAY_MODELS="")["MODELWAY_MODELS"] == "", "an empty one too"


def test_without_a_role_a_loopback_stack_is_reached() -> None:
    assert seen(**LOOPBACK).items() >= LOOPBACK.items()


def test_every_setting_arrives() -> None:
    assert {f"MODELWAY_{name.upper()}" for name in Platform.model_fields} <= LISTED


def test_what_the_yaml_gives_such_a_job_arrives() -> None:
    """Beside what its own lines only expand, such as MODELWAY_FOLDER."""
    given = {name for job in jobs().values() if has_identity(job) for name in job.get("variables", {})}
    expanded = {"MODELWAY_SOURCE", "MODELWAY_FOLDER", "MODELWAY_MODEL_PATH", "MODELWAY_SCHEDULE", "TF_ENVIRONMENT"}
    assert given - expanded - {"GIT_DEPTH", "GIT_STRATEGY", "MODELWAY_TERRAFORM_BRANCH"} <= LISTED


def test_what_the_code_reads_arrives() -> None:
    """Every name of a variable of GitLab's or of the platform's that src/modelway writes out."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "src" / "modelway").rglob("*.py")]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    read = {
        text for text in texts if isinstance(text, str) and re.fullmatch(r"(CI|GITLAB|MODELWAY)_[A-Z_]+[A-Z]", text)
    }
    assert len(read) > 8
    # The token is for the shell, which writes it to a file; the last two are what a served container is given.
    others = {"MODELWAY_AWS_TOKEN", "MODELWAY_IMAGE_DIGEST", "MODELWAY_MODEL_VERSION"}
    assert read - BUILDING - others <= LISTED
