"""`evaluation.json` as a model's container wrote it, read with errors that name the metric."""

from __future__ import annotations

import json

from pydantic import ValidationError

from modelway.contracts import ContainerEvaluation
from modelway.errors import UserError

MAX_EVALUATION_BYTES = 512 * 1024 * 1024
_FIX = "change what evaluate() in model.py returns; see docs/reference/container.md"


def read_container_evaluation(text: str | bytes) -> ContainerEvaluation:
    """Parse and check `evaluation.json`. Raises UserError naming each wrong field, metric and row."""
    if len(text) > MAX_EVALUATION_BYTES:
        raise UserError(f"evaluation.json is larger than {MAX_EVALUATION_BYTES} bytes", fix="score fewer rows")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"evaluation.json is not JSON: {error}", fix=_FIX) from error
    try:
        return ContainerEvaluation.model_validate(document)
    except ValidationError as error:
        raise UserError("evaluation.json is wrong: " + "; ".join(_lines(error)), fix=_FIX) from error


def _lines(error: ValidationError, most: int = 5) -> list[str]:
    """One line a place; a value that fits no branch of a union is named once."""
    seen: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        loc = problem["loc"]
        depth = 2 if loc and loc[0] in ("metrics", "labels", "predictions", "scores", "classes") else 1
        place = ".".join(str(part) for part in loc[:depth]) or "the document"
        if loc and loc[0] == "scores":
            place = "scores"
        if problem["type"] == "finite_number":
            seen[place] = f"{place} is {problem['input']}, not a finite number"
        else:
            seen.setdefault(place, f"{place}: {problem['msg'].lower()}")
    lines = list(seen.values())
    rest = len(lines) - most
    return lines if rest <= 0 else [*lines[:most], f"and {rest} more"]
