"""Make an approved model version the live endpoint, prove that it is, and tell people.

Started by the Lambda `trigger_dag` with a `DeploymentRequest` as conf; no schedule. An endpoint that does not answer
as at admission gets its previous config back and the run fails. A failure is announced by the DAG.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import chain, dag, task
from modelway_operators.announcing import announce_failure
from modelway_operators.endpoints import AwaitEndpointOperator
from modelway_operators.failing import user_errors_fail_at_once
from modelway_operators.params import dag_params

from modelway.contracts import DeploymentRequest


@dag(
    dag_id="deploy",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=32,
    params=dag_params(DeploymentRequest),
    # Many: a try adopts what the one before started, and a busy scheduler fails tasks that were deferred and are sound.
    default_args={"retries": 5, "retry_delay": timedelta(seconds=5), "execution_timeout": timedelta(hours=1)},
    on_failure_callback=announce_failure,
    tags=["modelway"],
)
def deploy() -> None:
    @task
    def change_endpoint(**context: Any) -> dict[str, Any]:
        from modelway.deployment.steps import change_endpoint as change

        with user_errors_fail_at_once():
            return change(dict(context["params"]))

    @task
    def verify_endpoint(change: dict[str, Any], **context: Any) -> dict[str, Any]:
        from modelway.deployment.steps import prove_endpoint

        with user_errors_fail_at_once():
            return prove_endpoint(dict(context["params"]), change)

    @task
    def announce_success(record: dict[str, Any], **context: Any) -> None:
        from modelway_operators.announcing import run_url, tell

        from modelway.contracts import DeploymentRecord
        from modelway.notifications.message import deployed
        from modelway.platform import Platform

        url = run_url(Platform.from_environment(), "deploy", context["run_id"])
        tell(deployed(DeploymentRecord.model_validate(record), url), "deploy", context["run_id"])

    changed = change_endpoint()
    verified = verify_endpoint(changed)
    chain(changed, AwaitEndpointOperator(task_id="await_endpoint"), verified)
    announce_success(verified)


deploy()
