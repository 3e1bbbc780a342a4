"""The loopback AWS without Airflow, and terraform/envs/local with a state of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from modelway_local.runtime.server import free_port

from ci.terraform import lambda_package, mwaa_package, providers

ROOT = Path(__file__).parents[2]
READY_SECONDS = 60.0
# An apply that a gap makes wait does so for minutes.
COMMAND_SECONDS = 150.0


@dataclass
class Loopback:
    """A gateway in front of moto; `home` holds what it keeps."""

    url: str
    home: Path

    def client(self, service: str) -> Any:
        """A client with a key of its own, so that its calls are not Terraform's."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="somebody",
            aws_secret_access_key="any",
        )

    def environment(self) -> dict[str, str]:
        """What sends Terraform here; HTTP_PROXY is for host names with a prefix, as MWAA's."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "HTTP_PROXY": self.url,
            "HTTPS_PROXY": self.url,
            "NO_PROXY": "127.0.0.1,localhost",
            "AWS_ACCESS_KEY_ID": "terraform",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "eu-west-1",
        }

    def calls(self, key: str) -> set[str]:
        """IAM actions that were asked for with an access key."""
        recorded = json.loads((self.home / "calls.json").read_text())
        return set(recorded.get(key, []))


@dataclass
class Terraform:
    """Commands in a copy of terraform/, so that no state is left in the repository."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment, "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
        command = ["terraform", *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"")[-3000:].decode()
            raise AssertionError(f"terraform {arguments[0]} took over {COMMAND_SECONDS:.0f} s: {said}") from error
        if check and done.returncode:
            raise AssertionError(f"terraform {arguments[0]}: {done.stdout[-3000:]}{done.stderr[-6000:]}")
        return done


@pytest.fixture(scope="session")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    home, port, moto = tmp_path_factory.mktemp("gateway"), free_port(), free_port()
    processes = []
    modules = {
        "moto": ["moto.server", "-H", "127.0.0.1", "-p", str(moto)],
        "gateway": [
            *("modelway_local.gateway_gaps", "--home", str(home), "--port", str(port)),
            *("--moto-url", f"http://127.0.0.1:{moto}", "--airflow-url", "http://127.0.0.1:9"),
        ],
    }
    for name, module in modules.items():
        with (home / f"{name}.log").open("wb") as log:
            environment = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
            processes.append(subprocess.Popen([sys.executable, "-m", *module], stdout=log, stderr=log, env=environment))
    url = f"http://127.0.0.1:{port}"
    try:
        _await(f"{url}/_local/health", home)
        yield Loopback(url, home)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def _await(url: str, home: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError((home / "gateway.log").read_text()[-2000:])


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the functions and MWAA install, for this very Python."""
    out = tmp_path_factory.mktemp("dist")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    for function in ("trigger_dag", "log_forwarder"):
        lambda_package.build(function, out / "lambda", python)
    mwaa_package.build(out)
    return out


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Path:
    """A copy of terraform/ without anyone's state or providers, with the packages where it looks for them."""
    copied = tmp_path_factory.mktemp("terraform") / "terraform"
    shutil.copytree(ROOT / "terraform", copied, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    (copied.parent / "dist").symlink_to(packages)
    return copied


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How `terraform init` finds its provider; skips where there is no Terraform."""
    if shutil.which("terraform") is None:
        pytest.skip("Terraform is not installed")
    return providers.environment(tmp_path_factory.mktemp("terraform-configuration"))


@pytest.fixture(scope="session")
def terraform(loopback: Loopback, sources: Path, provider: dict[str, str]) -> Terraform:
    """terraform/envs/local, initialised, with its variables set."""
    variables = {
        "TF_VAR_gateway_url": loopback.url,
        "TF_VAR_lambda_runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",
    }
    run = Terraform(sources / "envs" / "local", {**loopback.environment(), **provider, **variables})
    initialise(run)
    return run


def initialise(run: Terraform) -> None:
    """`terraform init`; skips where no provider can be had, and fails for any other reason."""
    done = run("init", "-backend=false", "-no-color", check=False)
    if "Failed to query available provider packages" in done.stderr:
        pytest.skip("no Terraform provider here: no mirror, no network")
    assert done.returncode == 0, done.stderr
