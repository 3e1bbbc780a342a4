"""What all tests share: unit tests open no sockets and see neither a person's AWS account nor a running stack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import pytest_socket
from hypothesis import settings

UNIT = Path(__file__).parent / "unit"

# The same examples on every run, so that a red suite is red again; `make explore` looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", max_examples=2_000)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Unix sockets stay: asyncio's event loop and multiprocessing are made of them."""
    if UNIT not in request.path.parents:
        yield
        return
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.fixture(autouse=True)
def _nobodys_account(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Variables of a shell that ran `eval "$(modelway env)"`, or of an AWS profile, change no test."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "MODELWAY_", "UPSTREAM_", "CI_")) and name != "MODELWAY_CACHE":
            monkeypatch.delenv(name)
    nowhere = str(tmp_path_factory.getbasetemp() / "no-aws-files")
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    # boto3 keeps its first session's keys, and each stack has its own.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
