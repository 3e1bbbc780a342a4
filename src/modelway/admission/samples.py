"""The samples that a model's repo ships: small channels, one request, its response, and the promised I/O schema."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.validators import validator_for

from modelway.admission.shape import parse_json
from modelway.contracts import ModelSpec
from modelway.errors import UserError

MAX_SAMPLE_BYTES = 5 * 1024 * 1024
SCHEMA_FILE = Path("schema") / "io.json"


@dataclass(frozen=True)
class Samples:
    """`channels`: name to folder. `request`, `response`: the examples, parsed. The schemas are JSON Schema."""

    channels: dict[str, Path]
    request: Any
    response: Any
    request_schema: dict[str, Any]
    response_schema: dict[str, Any]


def read_samples(model_dir: Path, spec: ModelSpec) -> Samples:
    """Read and check them against each other. Raises UserError naming the file."""
    folder = model_dir / spec.samples
    channels = {name: _channel(folder / name, spec) for name in spec.training.channels}
    _check_size(folder)
    request, response = _read_json(folder / "request.json"), _read_json(folder / "response.json")
    schemas = _read_schemas(model_dir / SCHEMA_FILE)
    check_schema(request, schemas["request"], str(folder / "request.json"), str(SCHEMA_FILE))
    check_schema(response, schemas["response"], str(folder / "response.json"), str(SCHEMA_FILE))
    return Samples(channels, request, response, schemas["request"], schemas["response"])


def check_schema(document: Any, schema: dict[str, Any], name: str, schema_name: str) -> None:
    """Raises UserError with the first place where `document` does not fit `schema`."""
    error = jsonschema.exceptions.best_match(validator_for(schema)(schema).iter_errors(document))
    if error is not None:
        place = error.json_path.replace("$", "", 1).lstrip(".") or "the document"
        raise UserError(
            f"{name} does not fit {schema_name}: {place}: {error.message[:300]}",
            fix=f"correct {name}, or {schema_name} if the promise to callers has changed",
        )


def _channel(folder: Path, spec: ModelSpec) -> Path:
    if not folder.is_dir() or not any(path.is_file() for path in folder.rglob("*")):
        raise UserError(
            f"{folder} is missing or empty: every channel of model.yaml needs a sample for the admission test",
            fix=f"put a few rows of s3 channel {folder.name!r} into {folder} (all of {spec.samples}/ under 5 MB)",
        )
    return folder


def _check_size(folder: Path) -> None:
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if total > MAX_SAMPLE_BYTES:
        raise UserError(
            f"{folder} holds {total / 1e6:.1f} MB; samples are at most {MAX_SAMPLE_BYTES // 1024 // 1024} MB",
            fix="keep a few hundred rows; the full data belongs in S3",
        )


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"{path} is missing", fix="`modelway new` shows what belongs there")
    try:
        return parse_json(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}", fix=f"correct {path}") from error


def _read_schemas(path: Path) -> dict[str, dict[str, Any]]:
    document = _read_json(path)
    schemas: dict[str, dict[str, Any]] = {}
    for name in ("request", "response"):
        schema = document.get(name) if isinstance(document, dict) else None
        if not isinstance(schema, dict):
            raise UserError(f"{path} has no {name!r}: it must hold a JSON Schema each for request and response")
        if "$schema" in document and "$schema" not in schema:
            schema = {"$schema": document["$schema"], **schema}
        try:
            validator_for(schema).check_schema(schema)
        except jsonschema.SchemaError as error:
            raise UserError(f"{path}: {name} is not a JSON Schema: {error.message[:300]}") from error
        schemas[name] = schema
    return schemas
