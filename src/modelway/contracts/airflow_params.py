"""A contract as Airflow params: one self-contained JSON Schema a top-level field."""

from __future__ import annotations

from typing import Any

from modelway.contracts.base import Document

Schema = dict[str, Any]


def _inline(node: Any, definitions: dict[str, Schema]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[str(node["$ref"]).rsplit("/", 1)[-1]]
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        return _inline({**target, **siblings}, definitions)
    return {key: _inline(value, definitions) for key, value in node.items()}


def airflow_params(contract: type[Document]) -> dict[str, Schema]:
    """Field name to JSON Schema, `$defs` inlined; a field without a default has no "default" key."""
    schema = contract.model_json_schema()
    definitions = schema.get("$defs", {})
    return {name: _inline(field, definitions) for name, field in schema["properties"].items()}
