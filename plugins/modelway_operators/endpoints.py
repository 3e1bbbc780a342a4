"""Wait until an endpoint moves no more; whether it is the right one is for the next task to say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator

from modelway.platform import Platform
from modelway_operators.waiting import ResourceTrigger


class AwaitEndpointOperator(BaseOperator):
    """Defer until the endpoint that `change_endpoint` named is InService or Failed."""

    def execute(self, context: Any) -> None:
        name = context["ti"].xcom_pull(task_ids="change_endpoint")["endpoint"]
        trigger = ResourceTrigger("endpoint", name, Platform.from_environment().poll_seconds)
        self.defer(trigger=trigger, method_name="settle", timeout=timedelta(hours=2))

    def settle(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        return event
