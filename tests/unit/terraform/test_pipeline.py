"""ci/terraform.yml: GitLab's schema, when its jobs exist, and what they may do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[3] / "ci" / "terraform.yml"


class Loader(yaml.SafeLoader):
    """Reads GitLab's `!reference` as a plain list."""


Loader.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node))
JOBS: dict[str, Any] = yaml.load(FILE.read_text(), Loader=Loader)  # noqa: S506 - a SafeLoader


def test_gitlabs_schema_accepts_it() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci"]
    done = subprocess.run([*check, "--data-transform", "gitlab-ci", str(FILE)], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_each_environment_is_planned_then_applied_and_watched(environment: str) -> None:
    plan, apply = JOBS[f"terraform-plan-{environment}"], JOBS[f"terraform-apply-{environment}"]
    assert f"terraform-plan-{environment}" in apply["needs"]
    for job in (plan, apply, JOBS[f"terraform-drift-{environment}"]):
        assert job["variables"]["TF_ENVIRONMENT"] == environment.upper()
    never, wanted = plan["rules"]
    assert never["when"] == "never"
    assert "$CI_COMMIT_BRANCH == $MODELWAY_TERRAFORM_BRANCH" in wanted["if"]


def test_only_prod_waits_for_a_person() -> None:
    def waits(job: dict[str, Any]) -> bool:
        return any(isinstance(rule, dict) and rule.get("when") == "manual" for rule in job.get("rules", []))

    assert {name for name, job in JOBS.items() if waits(job)} == {"terraform-apply-prod"}


def test_apply_takes_the_plan_that_was_shown_and_cannot_be_interrupted() -> None:
    assert JOBS[".terraform-apply"]["script"] == ["sh ../../../ci/hermetic.sh terraform apply plan.tfplan"]
    assert JOBS[".terraform-aws"]["interruptible"] is False
    assert JOBS[".terraform-apply"]["resource_group"] == JOBS[".terraform-plan"]["resource_group"]


@pytest.mark.parametrize(("environment", "before"), [("stage", "dev"), ("prod", "stage")])
def test_an_environment_changes_after_the_one_before_it(environment: str, before: str) -> None:
    needs = JOBS[f"terraform-apply-{environment}"]["needs"]
    assert {"job": f"terraform-apply-{before}", "optional": True} in needs


def test_the_locked_provider_and_the_tags_of_this_version_are_used() -> None:
    script = "\n".join(JOBS[".terraform-aws"]["before_script"])
    assert "init -reconfigure -lockfile=readonly" in script
    assert "TF_VAR_platform_version" in script
    assert JOBS[".terraform-aws"]["variables"]["TF_VAR_commit"] == "$CI_COMMIT_SHA"
    assert "MAY_BREAK_DEPENDENCY_LOCK" not in FILE.read_text()


def test_no_job_holds_a_key() -> None:
    assert "SECRET_ACCESS_KEY" not in FILE.read_text()
