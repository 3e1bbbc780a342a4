"""The pipeline files: GitLab's own schema, and which jobs exist for which kind of pipeline."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from modelway.gitlab.upstream import SOURCE_JOB
from tests.unit.ci.pipeline_yaml import ROOT, document, jobs, merged

OWN = ("base", "platform", "model", "retrain", "model-repo")
FILES = [ROOT / ".gitlab-ci.yml", *(ROOT / "ci" / f"{name}.yml" for name in OWN)]
RUNNER_FAULTS = {
    "runner_system_failure",
    "stuck_or_timeout_failure",
    "api_failure",
    "scheduler_failure",
    "data_integrity_failure",
}


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
    stages, every = merged()["stages"], jobs()
    for name, job in every.items():
        assert job["stage"] in stages, name
        assert job["rules"], f"{name} would be in every kind of pipeline"
        for needed in job.get("needs") or []:
            needed = needed if isinstance(needed, str) else needed["job"]
            assert needed in every, f"{name} needs {needed}"
            earlier, later = stages.index(every[needed]["stage"]), stages.index(job["stage"])
            assert earlier <= later, f"{name} needs the later {needed}"


def test_only_runner_faults_are_retried() -> None:
    assert set(merged()["default"]["retry"]["when"]) == RUNNER_FAULTS


@pytest.mark.parametrize(
    "name", ["reserve-version", "train", "approve", "deploy", "rollback", "retrain-all", "push-image"]
)
def test_jobs_that_change_aws_are_not_interrupted(name: str) -> None:
    assert jobs()[name]["interruptible"] is False


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="have what they trained deployed without anybody's approval",
    stopped_by="deploy needs approve, which waits for a person, and takes only an approved package",
)
def test_who_approves_is_not_the_job_that_deploys() -> None:
    every = jobs()
    assert every["approve"]["rules"][-1]["when"] == "manual"
    assert "approve" in every["deploy"]["needs"]
    assert all(rule.get("when", "on_success") == "on_success" for rule in every["deploy"]["rules"])
    assert every["deploy"]["script"] != every["approve"]["script"]
    assert every["deploy"]["environment"]["on_stop"] == "rollback"
    assert every["rollback"]["environment"]["name"] == every["deploy"]["environment"]["name"]
    assert every["rollback"]["rules"][-1]["when"] == "manual"


def test_no_file_mentions_a_key() -> None:
    for path in FILES:
        assert "AWS_SECRET_ACCESS_KEY" not in path.read_text()
        assert "AWS_ACCESS_KEY_ID" not in path.read_text()


def test_the_inputs_of_a_pipeline_are_checked_and_have_defaults() -> None:
    """Without a default a merge request's own pipeline could not start."""
    header = (ROOT / ".gitlab-ci.yml").read_text().split("\n---\n")[0]
    inputs = yaml.safe_load(header)["spec"]["inputs"]
    assert set(inputs) == {"model_name", "model_path", "schedule"}
    for name, given in inputs.items():
        assert "default" in given, name
        assert "options" in given or re.compile(given["regex"]).match(given["default"]), name


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="put a path outside the artifact, an option or a shell command into an input",
    stopped_by="the input's regular expression, before GitLab makes a pipeline",
)
@pytest.mark.parametrize("name", ["model_name", "model_path"])
@pytest.mark.parametrize(
    "value", ["../x", "a/../../x", "/etc", "-x", "a b", "$(x)", "a;b", ".git", "a\nb", "`x`", "A$B"]
)
def test_no_input_is_a_command_or_leads_away(name: str, value: str) -> None:
    header = (ROOT / ".gitlab-ci.yml").read_text().split("\n---\n")[0]
    # GitLab's own expressions are RE2's, where $ is the end of the text.
    pattern = yaml.safe_load(header)["spec"]["inputs"][name]["regex"].removesuffix("$")
    assert re.fullmatch(pattern.removeprefix("^"), value) is None


def test_a_models_name_passes_as_model_yaml_has_it() -> None:
    header = (ROOT / ".gitlab-ci.yml").read_text().split("\n---\n")[0]
    pattern = yaml.safe_load(header)["spec"]["inputs"]["model_name"]["regex"]
    for name in ("fraud", "breast-cancer", "m2"):
        assert re.fullmatch(pattern, name)


def test_the_source_job_is_the_one_that_the_platform_looks_for() -> None:
    upstream = document(ROOT / "ci" / "model-repo.yml")
    assert {"job": SOURCE_JOB} in upstream[".modelway-train"]["needs"]
    assert upstream[SOURCE_JOB]["artifacts"]["paths"]


@pytest.mark.parametrize("name", ["fetch-model", "report"])
def test_jobs_that_call_gitlab_are_in_the_tokens_scope(name: str) -> None:
    assert jobs()[name]["environment"] == {"name": "model-repos", "action": "access"}
