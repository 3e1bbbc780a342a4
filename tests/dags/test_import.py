"""Both DAGs import, and their params are the contracts'."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TASKS = {
    "train_evaluate": {
        "train_model",
        "evaluate_candidate",
        "evaluate_champion",
        "compare_with_champion",
        "register_model",
        "announce_success",
    },
    "deploy": {"change_endpoint", "await_endpoint", "verify_endpoint", "announce_success"},
}


@pytest.mark.parametrize("dag_id", sorted(TASKS))
def test_dag_has_its_tasks(dag_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    namespace = runpy.run_path(str(ROOT / "dags" / f"{dag_id}.py"))
    built = namespace[dag_id]()
    assert set(built.task_ids) == TASKS[dag_id]
    assert {"model", "image", "provenance"} <= set(built.params)
    assert built.on_failure_callback
    assert "modelway_operators" in sys.modules
