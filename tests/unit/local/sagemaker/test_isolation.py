"""A container without a network, or a log that says why it has one."""

from __future__ import annotations

import pytest
from modelway_local.runtime import network
from modelway_local.runtime.engine import RUNTIME_VARIABLE, Runtime
from modelway_local.sagemaker.isolation import isolated


@pytest.mark.parametrize(
    ("runtime", "possible", "serving", "alone", "said"),
    [
        (Runtime.PROCESS, True, True, True, ""),
        (Runtime.PROCESS, False, False, False, "it takes root, or user namespaces"),
        (Runtime.DOCKER, False, False, True, ""),
        (Runtime.DOCKER, True, True, False, "a Docker container without a network cannot be asked"),
    ],
)
def test_a_container_is_alone_or_its_log_says_why_not(
    monkeypatch: pytest.MonkeyPatch, runtime: Runtime, possible: bool, serving: bool, alone: bool, said: str
) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, runtime)
    monkeypatch.setattr(network, "available", lambda: possible)
    log: list[str] = []

    assert isolated(True, log.append, serving=serving) is alone
    assert said in "".join(log)
    assert bool(log) is not alone
    assert isolated(None, log.append, serving=serving) is False
