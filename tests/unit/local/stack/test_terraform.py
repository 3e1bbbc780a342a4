"""What is said when Terraform or its provider is missing, and how its output is read."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from modelway_local.stack import terraform
from modelway_local.stack.layout import Stack
from modelway_local.stack.lifecycle import down, up

from modelway.errors import UserError

PLAN = "Plan: 2 to add, 0 to change, 0 to destroy.\n"


def program(folder: Path, script: str) -> None:
    """A `terraform` that does what `script` says."""
    folder.mkdir(exist_ok=True)
    path = folder / "terraform"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("MODELWAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "bin"


def test_without_terraform_nothing_is_started(on_path: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no terraform on the PATH") as raised:
        up(tmp_path / "home", 4567, 8081, print, terraform=True)
    assert "install Terraform 1.11 or newer" in raised.value.fix
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("version", "accepted"), [("1.10.5", False), ("1.11.0", True), ("1.14.0-beta1", True)])
def test_an_old_terraform_is_refused(on_path: Path, version: str, accepted: bool) -> None:
    program(on_path, f"""echo '{{"terraform_version": "{version}"}}'""")
    if accepted:
        terraform.require()
        return
    with pytest.raises(UserError, match=f"Terraform {version}, too old"):
        terraform.require()


def test_a_broken_terraform_is_told_by_its_own_words(on_path: Path) -> None:
    program(on_path, "echo no such thing >&2; exit 1")
    with pytest.raises(UserError, match="no such thing"):
        terraform.require()


def test_a_missing_provider_names_the_ways_to_one(on_path: Path, tmp_path: Path) -> None:
    program(on_path, f"echo 'Error: {terraform.NO_PROVIDER}' >&2; exit 1")
    with pytest.raises(UserError, match="neither in a mirror on this machine nor") as raised:
        terraform.initialise(tmp_path / "home")
    assert "TF_CLI_CONFIG_FILE" in raised.value.fix


def test_any_other_failure_is_terraforms_first_error(on_path: Path, tmp_path: Path) -> None:
    program(on_path, "printf 'warning\\n│ Error: Invalid block\\n│ on main.tf\\n' >&2; exit 1")
    with pytest.raises(terraform.TerraformFailed, match=r"terraform init: Invalid block"):
        terraform.initialise(tmp_path / "home")


def test_progress_counts_what_was_made(on_path: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    script = (
        f"printf '{PLAN.strip()}\\na: Creating...\\na: Creation complete after 0s\\nb: Creation complete after 1s\\n'"
    )
    program(on_path, script)
    steps: list[str] = []
    terraform.apply(stack(tmp_path), steps.append, threading.Event())
    once = ["terraform: 0 of 2 resources", "terraform: 1 of 2 resources", "terraform: 2 of 2 resources"]
    assert steps == once
    assert (tmp_path / "logs" / "terraform.log").read_text().startswith(PLAN)


def test_a_failed_apply_names_the_log(on_path: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    program(on_path, "echo 'Error: creating S3 Bucket: refused'; exit 1")
    with pytest.raises(terraform.TerraformFailed, match=r"creating S3 Bucket: refused; see .*terraform\.log"):
        terraform.apply(stack(tmp_path), print, threading.Event())


def test_an_apply_ends_when_the_stack_does(on_path: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    program(on_path, f"echo '{PLAN.strip()}'; exec /bin/sleep 60")
    stop, started = threading.Event(), time.monotonic()
    with pytest.raises(terraform.TerraformFailed):
        terraform.apply(stack(tmp_path), lambda _: stop.set(), stop)
    assert time.monotonic() - started < 30


def test_a_persons_own_account_is_out_of_reach(on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "TF_VAR_account_id"):
        monkeypatch.setenv(name, "mine")
    found = terraform.environment(stack(tmp_path))
    assert "mine" not in found.values()
    assert found["AWS_ENDPOINT_URL"] == found["HTTPS_PROXY"] == "http://127.0.0.1:1"
    assert found["AWS_CONFIG_FILE"] == os.devnull


def test_what_a_killed_apply_left_ends_with_the_stack(tmp_path: Path) -> None:
    for home, ends in ((tmp_path, True), (tmp_path / "other", False)):
        variables = {"TF_DATA_DIR": str(terraform.data_folder(home)), "PATH": os.environ["PATH"]}
        left = subprocess.Popen(["sleep", "60"], env=variables)
        try:
            down(tmp_path)
            if ends:
                assert left.wait(10) != 0
            else:
                assert left.poll() is None
        finally:
            left.kill()
            left.wait()


def test_managed_resources_are_counted_until_the_state_is_forgotten(tmp_path: Path) -> None:
    assert terraform.resource_count(tmp_path) == 0
    path = terraform.state_file(tmp_path)
    path.parent.mkdir(parents=True)
    entries = [{"mode": "managed", "instances": [{}, {}]}, {"mode": "data", "instances": [{}]}]
    path.write_text(json.dumps({"resources": entries}))
    assert terraform.resource_count(tmp_path) == 2
    terraform.forget(tmp_path)
    assert terraform.resource_count(tmp_path) == 0


def test_a_stack_without_terraform_is_not_taken_for_one_with(tmp_path: Path) -> None:
    running = Stack(str(tmp_path), os.getpid(), "http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3")
    running.write()
    assert up(tmp_path, 1, 2, print) == running
    with pytest.raises(UserError, match="without what Terraform makes"):
        up(tmp_path, 1, 2, print, terraform=True)


def stack(home: Path) -> Stack:
    return Stack(str(home), 1, "http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", terraform=True)
