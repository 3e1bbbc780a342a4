"""A contract as a DAG's params."""

from __future__ import annotations

from airflow.sdk import Param

from modelway.contracts import Document
from modelway.contracts.airflow_params import airflow_params


def dag_params(contract: type[Document]) -> dict[str, Param]:
    """One Param a top-level field; required when the contract gives no default."""
    params = {}
    for name, schema in airflow_params(contract).items():
        rest = {key: value for key, value in schema.items() if key != "default"}
        params[name] = Param(schema["default"], **rest) if "default" in schema else Param(**rest)
    return params
