"""Whether this machine can run a container without a network.

Every job and endpoint of the platform asks for it. Where it cannot be had the request is recorded all the same, the
container keeps this machine's network, and its log begins by saying so: a laptop that allows no namespaces can still
run the whole chain, and nobody is told of a protection that is not there.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from modelway_local.runtime import network
from modelway_local.runtime.engine import RUNTIME_VARIABLE, Runtime


def obstacle(*, serving: bool) -> str:
    """Why this machine cannot; empty where it can. `serving`: the container is to be asked from outside."""
    if os.environ.get(RUNTIME_VARIABLE) == Runtime.DOCKER:
        return "a Docker container without a network cannot be asked" if serving else ""
    if not network.available():
        return "it takes root, or user namespaces (sysctl kernel.unprivileged_userns_clone=1)"
    return ""


def isolated(wanted: object, tell: Callable[[str], None], *, serving: bool = False) -> bool:
    """Whether a container that is `wanted` without a network gets none; `tell` hears why where it keeps it."""
    reason = obstacle(serving=serving) if wanted else ""
    if reason:
        tell(f"EnableNetworkIsolation is recorded only: {reason}. This container has the machine's network.")
    return bool(wanted) and not reason
