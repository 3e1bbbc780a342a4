"""Requests checked against botocore's service models, as the service itself checks them.

botocore validates types and required members on the client and nothing else; enum, pattern, length and range are read
here from the shapes' metadata.
"""

from __future__ import annotations

import functools
import re
from datetime import datetime
from typing import Any

import botocore.loaders
from botocore.model import ServiceModel, Shape

from modelway_local.gateway.errors import AwsError


@functools.cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service, loaded once."""
    return ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


def check_input(service: str, operation: str, document: dict[str, Any]) -> None:
    """Raise AwsError(ValidationException) listing everything that is wrong with `document`."""
    shape = service_model(service).operation_model(operation).input_shape
    problems = list(_problems(shape, document, "")) if shape is not None else []
    if problems:
        count = len(problems)
        noun = "error" if count == 1 else "errors"
        raise AwsError("ValidationException", f"{count} validation {noun} detected: {'; '.join(problems)}")


def wire(value: Any) -> Any:
    """`value` as JSON 1.1 sends it: times are seconds since the epoch."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [wire(item) for item in value]
    return value


def _problems(shape: Shape, value: Any, path: str) -> Any:
    kind = shape.type_name
    check = {"structure": _structure, "list": _list, "map": _map}.get(kind)
    if check is not None:
        yield from check(shape, value, path)
    elif kind == "string":
        yield from _string(shape, value, path)
    elif kind in {"integer", "long", "float", "double"}:
        yield from _number(shape, value, path)
    elif kind == "boolean" and not isinstance(value, bool):
        yield _fault(value, path, "Member must be a boolean")


def _fault(value: Any, path: str, constraint: str) -> str:
    shown = str(value) if len(str(value)) <= 120 else f"{str(value)[:117]}..."
    return f"Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}"


def _structure(shape: Any, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        yield _fault(value, path, "Member must be a structure")
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield _fault("null", _join(path, name), "Member must not be null")
    for name, item in value.items():
        if item is not None and name in shape.members:
            yield from _problems(shape.members[name], item, _join(path, name))


def _join(path: str, name: str) -> str:
    member = name[0].lower() + name[1:]
    return f"{path}.{member}" if path else member


def _list(shape: Any, value: Any, path: str) -> Any:
    if not isinstance(value, list):
        yield _fault(value, path, "Member must be a list")
        return
    yield from _length(shape, value, path)
    for index, item in enumerate(value, 1):
        yield from _problems(shape.member, item, f"{path}.{index}.member")


def _map(shape: Any, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        yield _fault(value, path, "Member must be a map")
        return
    yield from _length(shape, value, path)
    for key, item in value.items():
        yield from _problems(shape.key, key, f"{path}.key")
        yield from _problems(shape.value, item, f"{path}.{key}")


def _string(shape: Any, value: Any, path: str) -> Any:
    if not isinstance(value, str):
        yield _fault(value, path, "Member must be a string")
        return
    yield from _length(shape, value, path)
    if shape.enum and value not in shape.enum:
        yield _fault(value, path, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern else None
    if compiled is not None and not compiled.fullmatch(value):
        yield _fault(value, path, f"Member must satisfy regular expression pattern: {pattern}")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Service patterns are Java's; the few that Python does not take are not checked."""
    try:
        return re.compile(pattern.replace("\\p{L}", r"\w").replace("\\p{Z}", r"\s").replace("\\p{N}", r"\d"))
    except re.error:
        return None


def _length(shape: Any, value: Any, path: str) -> Any:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low:
        yield _fault(value, path, f"Member must have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        yield _fault(value, path, f"Member must have length less than or equal to {high}")


def _number(shape: Any, value: Any, path: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _fault(value, path, "Member must be a number")
        return
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        yield _fault(value, path, f"Member must have value greater than or equal to {low}")
    if high is not None and value > high:
        yield _fault(value, path, f"Member must have value less than or equal to {high}")
