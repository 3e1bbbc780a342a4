"""`terraform fmt`, `validate` and `test`: the variables' rules, and a plan of each environment."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.terraform.conftest import ROOT, Terraform, initialise

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(300)]


@pytest.mark.parametrize("folder", ["root", "envs/local", "envs/dev", "envs/stage", "envs/prod"])
def test_folder_is_valid_and_passes_its_tests(folder: str, sources: Path, provider: dict[str, str]) -> None:
    run = Terraform(sources / folder, provider)
    initialise(run)
    run("validate", "-no-color")
    run("test", "-no-color")


def test_everything_is_formatted(sources: Path, provider: dict[str, str]) -> None:
    run = Terraform(sources, provider)
    assert run("fmt", "-check", "-recursive", "-no-color", check=False).stdout == ""


def test_checkov_finds_nothing_that_was_not_reviewed() -> None:
    command = ["uv", "tool", "run", "--quiet", "checkov@3.3.30", "--directory", "terraform"]
    done = subprocess.run(
        [*command, "--config-file", "ci/terraform/checkov.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "Passed checks" not in done.stdout:
        pytest.skip(f"checkov cannot be installed here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stdout
