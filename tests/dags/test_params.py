"""A conf that breaks the contract is refused by the DAG's own params, before any task."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, ParamValidationError  # noqa: TID251 - the subject

from modelway.errors import PlatformError, UserError

ROOT = Path(__file__).parents[2]
EVENTS = {"train_evaluate": "start_training", "deploy": "start_deployment"}
Conf = dict[str, Any]


@pytest.fixture(params=sorted(EVENTS))
def dag(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "plugins"))
    return runpy.run_path(str(ROOT / "dags" / f"{request.param}.py"))[request.param]()


def conf_of(dag: Any) -> Conf:
    conf: Conf = json.loads((ROOT / "tests" / "events" / f"{EVENTS[dag.dag_id]}.json").read_text())["conf"]
    return conf


def validate(dag: Any, conf: Conf) -> dict[str, Any]:
    """As Airflow does when a run is created: the conf over the params, then their schemas."""
    params = deepcopy(dag.params)
    params.update(conf)
    found: dict[str, Any] = params.validate()
    return found


def test_a_good_conf_passes(dag: Any) -> None:
    """As it was given, with the defaults of what it leaves out, and nothing else."""
    params = {name: dag.params.get_param(name) for name in dag.params}
    defaults = {name: param.value for name, param in params.items() if param.has_value}
    assert validate(dag, conf_of(dag)) == defaults | conf_of(dag)


def test_only_what_has_a_default_may_be_left_out(dag: Any) -> None:
    least = {key: value for key, value in conf_of(dag).items() if key not in ("schema_version", "retraining")}
    assert validate(dag, least)["schema_version"] == 1
    for required in ("model", "image", "provenance"):
        with pytest.raises(ParamValidationError, match=required):
            validate(dag, {key: value for key, value in least.items() if key != required})


def unknown_key(conf: Conf) -> None:
    conf["model"]["surprise"] = 1


def no_digest(conf: Conf) -> None:
    del conf["image"]["digest"]


def tag_for_a_digest(conf: Conf) -> None:
    conf["image"]["digest"] = "latest"


def short_commit(conf: Conf) -> None:
    conf["provenance"]["commit_sha"] = "abc"


def text_for_a_number(conf: Conf) -> None:
    conf["model"]["training"]["volume_gb"] = "big"


def another_version(conf: Conf) -> None:
    conf["schema_version"] = 2


@pytest.mark.parametrize(
    "spoil", [unknown_key, no_digest, tag_for_a_digest, short_commit, text_for_a_number, another_version]
)
def test_a_bad_conf_is_refused(dag: Any, spoil: Callable[[Conf], None]) -> None:
    conf = conf_of(dag)
    spoil(conf)
    with pytest.raises(ParamValidationError):
        validate(dag, conf)


def test_the_docstring_is_the_doc(dag: Any) -> None:
    assert dag.doc_md
    assert dag.schedule is None
    assert "Started by" in dag.doc_md


def test_every_task_says_how_often_and_how_long(dag: Any) -> None:
    for task in dag.tasks:
        assert task.retries == 5, task.task_id
        assert task.retry_delay == timedelta(seconds=5), task.task_id
        assert isinstance(task.execution_timeout, timedelta), task.task_id


def test_wrong_input_is_not_tried_again(dag: Any) -> None:
    from modelway_operators.failing import user_errors_fail_at_once

    with pytest.raises(AirflowFailException, match="fix: mend it"), user_errors_fail_at_once():
        raise UserError("bad", fix="mend it")
    with pytest.raises(PlatformError), user_errors_fail_at_once():
        raise PlatformError("try again")
