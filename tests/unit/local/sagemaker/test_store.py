"""Resources survive the process, and nobody changes them but through the store."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path

import pytest
from modelway_local.sagemaker.store import Store, now


def test_what_was_put_is_read_by_the_next_process(tmp_path: Path) -> None:
    at = now()
    Store(tmp_path).put("model", "a", {"CreationTime": at, "Deep": [{"Time": at}]})
    found = Store(tmp_path).get("model", "a")
    assert found is not None
    assert (found["CreationTime"], found["Deep"]) == (at, [{"Time": at}])


def test_a_name_with_a_slash_is_one_resource(tmp_path: Path) -> None:
    Store(tmp_path).put("model-package", "group/1", {"Version": 1})
    assert [found["_Name"] for found in Store(tmp_path).all("model-package")] == ["group/1"]


def test_a_change_of_what_is_gone_makes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.change("model", "a", Status="x") is None
    assert store.get("model", "a") is None


def test_deleted_twice_is_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("model", "a", {})
    store.delete("model", "a")
    store.delete("model", "a")
    assert Store(tmp_path).get("model", "a") is None


def test_a_copy_is_given(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("model", "a", {"Status": "x"})
    for copy in (store.get("model", "a"), next(store.all("model"))):
        assert copy is not None
        copy["Status"] = "y"
    assert (store.get("model", "a") or {})["Status"] == "x"


def test_changes_at_once_are_all_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("model", "a", {})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.change("model", "a", **{f"Field{number}": number}), range(32)))
    found = Store(tmp_path).get("model", "a") or {}
    assert {found[f"Field{number}"] for number in range(32)} == set(range(32))


def test_what_is_no_json_leaves_the_old_resource(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("model", "a", {"Status": "x"})
    with pytest.raises(TypeError):
        store.put("model", "a", {"Status": object()})
    assert (store.get("model", "a") or {})["Status"] == "x"
    assert json.loads((tmp_path / "model" / "a.json").read_text())["Status"] == "x"


def test_a_time_is_in_utc_to_the_millisecond() -> None:
    assert now().tzinfo is UTC
    assert now().microsecond % 1000 == 0


def test_time_does_not_run_backwards() -> None:
    times = [now() for _ in range(1000)]
    assert times == sorted(times)
