"""Which environment a command talks to: the one in its variables, else the local stack that runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import PlatformError

if TYPE_CHECKING:
    from modelway_local.stack.layout import Stack

    from modelway.platform import Platform


def local_stack() -> Stack:
    """The local stack. Raises PlatformError when it does not run or is not installed."""
    try:
        from modelway_local.stack.layout import require
    except ImportError as error:
        raise PlatformError("the local stack is not installed", fix="make install") from error
    return require()


def connect(*, as_person: bool = False) -> Platform:
    """The platform's settings; without MODELWAY_* variables the local stack's, which are then set.

    On that stack the caller acts as CI does, or, to look and to ask an endpoint, with the rights of a person.
    """
    from modelway.platform import Platform

    if "MODELWAY_ARTIFACTS_BUCKET" not in os.environ:
        stack = local_stack()
        from modelway_local.stack.actors import CI, PERSON

        os.environ.update(stack.environment(PERSON if as_person else CI))
    return Platform.from_environment()


def home() -> Path:
    """State folder of the local stack."""
    from modelway_local.stack.layout import default_home

    return default_home()
