"""Whether this machine can run a container without a network, asked before anything is created."""

from __future__ import annotations

import os

from modelway_local.runtime import network
from modelway_local.runtime.engine import Runtime
from modelway_local.sagemaker.parameters import RefusedParameter

# The supervisor's word to the gateway (gateway/server.py): process or docker.
RUNTIME_VARIABLE = "MODELWAY_LOCAL_RUNTIME"


def require_isolation(operation: str, path: str, wanted: bool | None, *, serving: bool = False) -> None:
    """Raise RefusedParameter when `wanted` and this machine cannot do it. `serving`: it is to be asked from outside."""
    if not wanted:
        return
    if os.environ.get(RUNTIME_VARIABLE) == Runtime.DOCKER:
        if serving:
            raise RefusedParameter(operation, path, True, "a Docker container without a network cannot be asked")
        return
    if not network.available():
        reason = "it takes root, or user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
        raise RefusedParameter(operation, path, True, reason)
