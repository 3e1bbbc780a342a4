"""One local stack for all integration tests that ask for it: own home, own ports, ended with the session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from modelway_local.runtime.server import free_port
from modelway_local.stack.layout import Stack
from modelway_local.stack.lifecycle import down, up


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack; `modelway` commands with `stack_environment` talk to it."""
    home = tmp_path_factory.mktemp("modelway-home")
    started = up(home, free_port(), free_port(), lambda step: print(f"stack: {step}"))
    try:
        yield started
    finally:
        down(home)


@pytest.fixture
def stack_environment(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The stack's variables, set in this process as well."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)
    return {**os.environ, **stack.environment()}


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[2]
