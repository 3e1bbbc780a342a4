"""Train a model, score it against the live champion, register it and tell people.

Started by the Lambda `trigger_dag` with a `TrainingRequest` as conf; no schedule of its own. Every task adopts what
an earlier try left, so a retry or a cleared task never starts a second job. A failure is announced by the DAG.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import chain, dag, task
from modelway_operators.announcing import announce_failure
from modelway_operators.failing import user_errors_fail_at_once
from modelway_operators.jobs import EvaluateModelOperator, TrainModelOperator
from modelway_operators.params import dag_params

from modelway.contracts import TrainingRequest


@dag(
    dag_id="train_evaluate",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=32,
    params=dag_params(TrainingRequest),
    # Many: a try adopts what the one before started, and a busy scheduler fails tasks that were deferred and are sound.
    default_args={"retries": 5, "retry_delay": timedelta(seconds=5), "execution_timeout": timedelta(hours=1)},
    on_failure_callback=announce_failure,
    tags=["modelway"],
)
def train_evaluate() -> None:
    train = TrainModelOperator(task_id="train_model")
    candidate = EvaluateModelOperator(task_id="evaluate_candidate", subject="candidate")
    champion = EvaluateModelOperator(task_id="evaluate_champion", subject="champion")

    @task(trigger_rule="none_failed")
    def compare_with_champion(**context: Any) -> dict[str, Any]:
        from modelway.sagemaker.steps import compare_models

        pull = context["ti"].xcom_pull
        version = pull(task_ids="evaluate_champion", key="model_version")
        problem = pull(task_ids="evaluate_champion", key="not_comparable") or ""
        with user_errors_fail_at_once():
            return compare_models(dict(context["params"]), pull(task_ids="train_model"), version, problem)

    @task
    def register_model(record: dict[str, Any], **context: Any) -> dict[str, Any]:
        from modelway.sagemaker.steps import register

        with user_errors_fail_at_once():
            return register(dict(context["params"]), record)

    @task
    def announce_success(record: dict[str, Any], **context: Any) -> None:
        from modelway_operators.announcing import run_url, tell

        from modelway.contracts import TrainingRecord
        from modelway.notifications.message import trained
        from modelway.platform import Platform

        request = TrainingRequest.model_validate(dict(context["params"]))
        url = run_url(Platform.from_environment(), "train_evaluate", context["run_id"])
        message = trained(request, TrainingRecord.model_validate(record), url)
        tell(message, "train_evaluate", context["run_id"])

    compared = compare_with_champion()
    chain(train, [candidate, champion], compared)
    announce_success(register_model(compared))


train_evaluate()
