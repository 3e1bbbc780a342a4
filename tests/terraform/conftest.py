"""One stack with Terraform for all tests, brought up and taken down by the commands that people type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from modelway_local.iam.credentials import OWNER
from modelway_local.runtime.server import free_port
from modelway_local.stack import terraform_providers
from modelway_local.stack.layout import Stack, running
from modelway_local.stack.lifecycle import down
from modelway_local.stack.resources import client

from tests.terraform.mutations import Recorded, recorded

ROOT = Path(__file__).parents[2]
ARTIFACTS = "modelway-local-artifacts"
# An apply that a gap makes wait does so for minutes.
COMMAND_SECONDS = 900.0
NO_PROVIDER = "the AWS provider is neither"
# For the last lines of the run.
CYCLES: list[dict[str, float]] = []


@dataclass
class Account:
    """A stack whose account Terraform fills; `home` holds what it keeps, `seconds` how long its commands took."""

    home: Path
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def stack(self) -> Stack:
        """The stack, which must run."""
        found = running(self.home)
        assert found is not None, (self.home / "progress.log").read_text()
        return found

    def modelway(
        self, *words: str, check: bool = True, variables: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`modelway` as typed in this stack's shell, or in a job that has these variables."""
        return self.run([sys.executable, "-m", "modelway.cli.main", *words], check=check, variables=variables)

    def run(
        self, command: list[str], *, check: bool = True, variables: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A command in this stack's shell. Raises AssertionError with what it said when it fails or hangs."""
        environment = {**os.environ, **(variables or {}), "MODELWAY_HOME": str(self.home), "TF_INPUT": "0"}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"")[-3000:].decode()
            raise AssertionError(f"{' '.join(command)} took over {COMMAND_SECONDS:.0f} s: {said}") from error
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-6000:]}")
        return done

    def terraform(self, command: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`modelway terraform` as typed."""
        return self.modelway("terraform", command, *words, check=check)

    def client(self, service: str, actor: str = OWNER) -> Any:
        """A client of one of the stack's actors: the account's owner, whom no role bounds, unless another is named."""
        return client(self.stack, service, actor)

    def keys(self, prefix: str) -> list[str]:
        """Keys of the artifacts bucket, at most 1000."""
        listed = self.client("s3").list_objects_v2(Bucket=ARTIFACTS, Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def calls(self, role: str) -> list[Recorded]:
        """What the sessions of a role asked for, as the gateway evaluated it."""
        return [one for one in recorded(self.home / "calls.jsonl") if one.role == role]


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """How `terraform init` finds its provider; skips where there is no Terraform."""
    if shutil.which("terraform") is None:
        pytest.skip("Terraform is not installed")
    return terraform_providers.environment(tmp_path_factory.mktemp("terraform-configuration"))


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Account]:
    """`modelway up --terraform` on ports of its own."""
    started = Account(tmp_path_factory.mktemp("home"))
    ports = ("--port", str(free_port()), "--airflow-port", str(free_port()))
    try:
        done = started.modelway("up", "--terraform", *ports, check=False)
        if NO_PROVIDER in done.stderr:
            pytest.skip("no Terraform provider here: no mirror, no network")
        assert done.returncode == 0, done.stderr
        CYCLES.append(started.seconds)
        yield started
    finally:
        down(started.home)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long the cycle took."""
    for seconds in CYCLES:
        each = ", ".join(f"{what} {took:.0f}" for what, took in seconds.items())
        terminalreporter.write_line(
            f"Terraform on the loopback AWS, seconds: {each}; in all {sum(seconds.values()):.0f}"
        )
