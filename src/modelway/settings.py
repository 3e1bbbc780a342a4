"""Settings from `MODELWAY_<FIELD>` environment variables, read in one way for all that have some."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from modelway.contracts.base import Document
from modelway.errors import PlatformError

S = TypeVar("S", bound=Document)


def from_environment(kind: type[S], whose: str, environ: Mapping[str, str] | None = None) -> S:
    """Read `kind` from the variables; an empty one counts as missing. `whose` starts the error's sentence.

    Raises PlatformError naming each variable that is missing or wrong.
    """
    source = os.environ if environ is None else environ
    values = {
        name: source[variable] for name in kind.model_fields if source.get(variable := f"MODELWAY_{name.upper()}", "")
    }
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"MODELWAY_{str(e['loc'][0]).upper()}: {e['msg'].lower()}" for e in error.errors())
        raise PlatformError(f"{whose} settings are incomplete: {wrong}") from error
