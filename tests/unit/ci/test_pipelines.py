"""The pipeline files: GitLab's own schema, and which jobs exist for which kind of pipeline."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
OWN = ("base", "platform", "model", "retrain", "model-repo")
FILES = [ROOT / ".gitlab-ci.yml", *(ROOT / "ci" / f"{name}.yml" for name in OWN)]
RUNNER_FAULTS = {
    "runner_system_failure",
    "stuck_or_timeout_failure",
    "api_failure",
    "scheduler_failure",
    "data_integrity_failure",
}


class Loader(yaml.SafeLoader):
    """Reads GitLab's `!reference` as a plain list."""


Loader.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node))


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.load_all(path.read_text(), Loader=Loader))


def jobs() -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for name in ("base", "platform", "model", "retrain"):
        merged |= documents(ROOT / "ci" / f"{name}.yml")[0]
    return merged


def resolved(name: str, key: str) -> Any:
    """The value of `key` after `extends`."""
    every = jobs()
    job = every[name]
    if key in job:
        return job[key]
    parents = job.get("extends", [])
    for parent in reversed([parents] if isinstance(parents, str) else parents):
        if (value := resolved(parent, key)) is not None:
            return value
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_gitlabs_schema_accepts_the_file(path: Path, tmp_path: Path) -> None:
    """Each YAML document by itself: the schema has no notion of a `spec:` header."""
    for number, text in enumerate(path.read_text().split("\n---\n")):
        (tmp_path / f"{number}.yml").write_text(text)
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"]
    done = subprocess.run(
        [*check, "--data-transform", "gitlab-ci", *map(str, sorted(tmp_path.glob("*.yml")))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_job_has_a_declared_stage_and_rules_and_existing_needs() -> None:
    stages = documents(ROOT / ".gitlab-ci.yml")[0]["stages"]
    every = jobs()
    real = {name for name, job in every.items() if isinstance(job, dict) and not name.startswith(".")}
    for name in real - {"variables", "default"}:
        assert resolved(name, "stage") in stages, name
        assert resolved(name, "rules"), f"{name} would be in every kind of pipeline"
        for needed in resolved(name, "needs") or []:
            assert needed in real, f"{name} needs {needed}"
            earlier, later = stages.index(resolved(needed, "stage")), stages.index(resolved(name, "stage"))
            assert earlier <= later, f"{name} needs the later {needed}"


def test_only_runner_faults_are_retried() -> None:
    assert set(jobs()["default"]["retry"]["when"]) == RUNNER_FAULTS


@pytest.mark.parametrize("name", ["reserve-version", "train", "deploy", "rollback", "retrain-all", "push-image"])
def test_jobs_that_change_aws_are_not_interrupted(name: str) -> None:
    assert resolved(name, "interruptible") is False


def test_deploy_is_manual_and_only_of_the_default_branch() -> None:
    refused, manual = resolved("deploy", "rules")
    assert refused == {"if": "$UPSTREAM_MR_IID || $UPSTREAM_REF != $UPSTREAM_DEFAULT_BRANCH", "when": "never"}
    assert manual["when"] == "manual"
    assert resolved("deploy", "environment")["on_stop"] == "rollback"
    assert resolved("rollback", "environment")["name"] == resolved("deploy", "environment")["name"]
    # GitLab demands that both have the same rules, else on_stop names a job that may not exist.
    assert resolved("rollback", "rules") == resolved("deploy", "rules")


def test_no_file_mentions_a_key() -> None:
    for path in FILES:
        assert "AWS_SECRET_ACCESS_KEY" not in path.read_text()
        assert "AWS_ACCESS_KEY_ID" not in path.read_text()


def test_upstream_passes_every_variable_that_downstream_reads() -> None:
    passed = set(documents(ROOT / "ci" / "model-repo.yml")[1][".modelway-train"]["variables"])
    read = set(re.findall(r"\$(UPSTREAM_\w+|MODELWAY_MODEL_\w+)", (ROOT / "ci" / "model.yml").read_text()))
    assert read <= passed


def test_the_bridge_gets_the_job_id_from_the_artifact_job() -> None:
    upstream = documents(ROOT / "ci" / "model-repo.yml")[1]
    assert {"job": "model-source"} in upstream[".modelway-train"]["needs"]
    assert upstream["model-source"]["artifacts"]["reports"]["dotenv"] == "source.env"


@pytest.mark.parametrize("name", ["fetch-model", "report"])
def test_jobs_that_call_gitlab_are_in_the_tokens_scope(name: str) -> None:
    assert resolved(name, "environment") == {"name": "model-repos", "action": "access"}


@pytest.mark.parametrize("name", ["validate-model", "admit-model", "build-image"])
def test_jobs_that_run_the_models_code_hold_no_identity(name: str) -> None:
    assert resolved(name, "id_tokens") is None
    assert resolved(name, "environment") is None
    assert all(line.startswith("env -u MODELWAY_GITLAB_TOKEN -u CI_JOB_TOKEN ") for line in resolved(name, "script"))
