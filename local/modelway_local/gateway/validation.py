"""Inputs checked against botocore's service model in full: also enum, pattern and maximum, which botocore skips."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

from modelway_local.gateway.errors import UnknownOperationError, ValidationError

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "list": list,
    "map": dict,
    "structure": dict,
}


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service, by its client name (`sagemaker`)."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def validate_input(service: str, operation: str, payload: dict[str, Any]) -> None:
    """Raise ValidationError naming every broken rule, or UnknownOperationError if the service has no such operation."""
    model = service_model(service)
    if operation not in model.operation_names:
        raise UnknownOperationError(service, operation)
    shape = model.operation_model(operation).input_shape
    problems = list(_problems(shape, payload, "")) if shape is not None else []
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        raise ValidationError(f"{count}: {'; '.join(problems)}")


def _problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Every broken rule at or below one value; `path` is dotted, in AWS's lower camel case."""
    expected = _TYPES.get(shape.type_name)
    wrong_bool = isinstance(value, bool) and shape.type_name != "boolean"
    if expected is not None and (wrong_bool or not isinstance(value, expected)):
        yield _problem(value, path, f"Member must be of type {shape.type_name}")
        return
    yield from _own_problems(shape, value, path)
    for child, item, child_path in _children(shape, value, path):
        if item is None:
            yield _problem(None, child_path, "Member must not be null")
        else:
            yield from _problems(child, item, child_path)


def _children(shape: Any, value: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if value.get(name) is not None or name in shape.required_members:
                yield member, value.get(name), _join(path, name)
    elif shape.type_name == "list":
        for index, item in enumerate(value, start=1):
            yield shape.member, item, f"{path}.{index}.member"
    elif shape.type_name == "map":
        for key, item in value.items():
            yield shape.key, key, f"{path}.key"
            yield shape.value, item, f"{path}.{key}"


def _own_problems(shape: Any, value: Any, path: str) -> Iterator[str]:
    """What the shape's own metadata forbids about one value of the right type."""
    rules = shape.metadata
    enum, pattern = rules.get("enum"), rules.get("pattern")
    if enum and value not in enum:
        yield _problem(value, path, f"Member must satisfy enum value set: [{', '.join(enum)}]")
    if pattern and not _pattern(pattern).fullmatch(value):
        yield _problem(value, path, f"Member must satisfy regular expression pattern: {pattern}")
    sized = isinstance(value, str | list | dict)
    size, what = (len(value), "have length") if sized else (value, "have value")
    if "min" in rules and size < rules["min"]:
        yield _problem(value, path, f"Member must {what} greater than or equal to {rules['min']}")
    if "max" in rules and size > rules["max"]:
        yield _problem(value, path, f"Member must {what} less than or equal to {rules['max']}")


# Service patterns are Java's; these are the Unicode classes that they use, in Python's words.
_MARKS = r"!-/:-@\[-`{-~\u00a1-\uffff"
_UNICODE_CLASSES = {r"\p{L}": r"\w", r"\p{Z}": r"\s", r"\p{N}": r"\d", r"\p{M}": "", r"\p{S}": _MARKS, r"\p{P}": _MARKS}


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """The pattern in Python's words; the seven of SageMaker's that have none (surrogates, `${1,128}`) match all."""
    for java, python in _UNICODE_CLASSES.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(pattern)
    except re.error:
        return re.compile(r"(?s).*")


def _problem(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _join(path: str, name: str) -> str:
    lowered = name[0].lower() + name[1:]
    return f"{path}.{lowered}" if path else lowered
