"""Lambda: start a DAG run from `{dag_id, conf}`, or look one up from `{dag_id, dag_run_id}`."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from modelway.aws.airflow_rest import MwaaRest, mwaa_client
from modelway.platform import Platform
from modelway.trigger import handle


@cache
def _platform() -> Platform:
    return Platform.from_environment()


@cache
def _airflow() -> MwaaRest:
    return MwaaRest(mwaa_client(os.environ.get("AWS_ENDPOINT_URL", "")), _platform().mwaa_environment)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Raises UserError for what the caller must mend, PlatformError for what a retry may."""
    return handle(event, _platform(), _airflow())
