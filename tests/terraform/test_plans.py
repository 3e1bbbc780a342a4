"""`terraform fmt` and `terraform test`: the variables' rules, and a plan of each environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from ci.terraform import lambda_package, mwaa_package
from tests.terraform.conftest import ROOT

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(400)]
FOLDERS = ("bootstrap", "modules/trigger", "root", "envs/local", "envs/dev", "envs/stage", "envs/prod")
# Each takes about 1 GB and most of a core.
AT_ONCE = 2
Done = subprocess.CompletedProcess[str]


def terraform(folder: Path, environment: dict[str, str], *words: str) -> Done:
    variables = {**os.environ, **environment, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
    command = ["terraform", *words, "-no-color"]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of terraform/ without anyone's state or providers, with packages where it looks for them."""
    copied = tmp_path_factory.mktemp("terraform") / "terraform"
    shutil.copytree(ROOT / "terraform", copied, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    for function in ("trigger_dag", "log_forwarder"):
        lambda_package.build(function, copied.parent / "dist" / "lambda", python)
    mwaa_package.build(copied.parent / "dist", wheels=False)
    return copied


@pytest.fixture(scope="module")
def tested(sources: Path, provider: dict[str, str]) -> dict[str, Future[Done]]:
    """`terraform test` of each folder, two at once."""

    def run(folder: Path) -> Done:
        initialised = terraform(folder, provider, "init", "-backend=false")
        return initialised if initialised.returncode else terraform(folder, provider, "test")

    pool = ThreadPoolExecutor(AT_ONCE)
    return {folder: pool.submit(run, sources / folder) for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_is_valid_and_passes_its_tests(folder: str, tested: dict[str, Future[Done]]) -> None:
    done = tested[folder].result()
    if "Failed to query available provider packages" in done.stderr:
        pytest.skip("no Terraform provider here: no mirror, no network")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Success!" in done.stdout


def test_everything_is_formatted(provider: dict[str, str]) -> None:
    assert terraform(ROOT / "terraform", provider, "fmt", "-check", "-recursive").stdout == ""


def test_checkov_finds_nothing_that_was_not_reviewed() -> None:
    command = ["uv", "tool", "run", "--quiet", "checkov@3.3.30", "--directory", "terraform"]
    done = subprocess.run(
        [*command, "--config-file", "ci/terraform/checkov.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "Passed checks" not in done.stdout:
        pytest.skip(f"checkov cannot be installed here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stdout
