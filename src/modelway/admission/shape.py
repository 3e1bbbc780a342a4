"""Whether an answer has the shape of an example: the same keys, nesting, lengths and kinds of values."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse_json(text: str | bytes) -> Any:
    """JSON as RFC 8259 has it. Raises ValueError for NaN and Infinity too."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def shape_difference(example: Any, answer: Any, place: str = "response") -> str:
    """The first difference as a sentence; empty if the shapes agree. Whole and other numbers are one kind."""
    if _kind(example) != _kind(answer):
        return f"{place} is {_kind(answer)} where the example has {_kind(example)}"
    if isinstance(example, dict):
        return _object_difference(example, answer, place)
    if isinstance(example, list):
        return _list_difference(example, answer, place)
    return ""


def _object_difference(example: dict[str, Any], answer: dict[str, Any], place: str) -> str:
    missing, extra = sorted(example.keys() - answer.keys()), sorted(answer.keys() - example.keys())
    if missing:
        return f"{place} has no {missing[0]!r}, which the example has"
    if extra:
        return f"{place} has {extra[0]!r}, which the example has not"
    differences = (shape_difference(example[key], answer[key], f"{place}.{key}") for key in example)
    return next(filter(None, differences), "")


def _list_difference(example: list[Any], answer: list[Any], place: str) -> str:
    if len(example) != len(answer):
        return f"{place} has {len(answer)} items where the example has {len(example)}"
    pairs = enumerate(zip(example, answer, strict=True))
    differences = (shape_difference(mine, theirs, f"{place}[{index}]") for index, (mine, theirs) in pairs)
    return next(filter(None, differences), "")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (dict, "an object"),
        (list, "a list"),
        (str, "text"),
        ((int, float), "a number"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")
