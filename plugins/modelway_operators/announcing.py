"""Tell people: the last task of a run that went well, the DAG's callback of one that did not."""

from __future__ import annotations

import logging
from typing import Any

import boto3

from modelway.aws.channels import platform_channels, platform_store
from modelway.contracts import DeploymentRequest, TrainingRequest
from modelway.deployment import steps as deployment
from modelway.notifications import message as messages
from modelway.notifications.outbox import announce
from modelway.platform import Platform
from modelway.sagemaker import registry, steps
from modelway.versioning import names

LOG = logging.getLogger(__name__)


def run_url(platform: Platform, dag_id: str, run_id: str) -> str:
    """Link to the run in Airflow, or nothing when the address is not known."""
    return f"{platform.airflow_url.rstrip('/')}/dags/{dag_id}/runs/{run_id}" if platform.airflow_url else ""


def tell(message: messages.Message, dag_id: str, run_id: str) -> None:
    """Announce once on every channel of the platform."""
    platform = Platform.from_environment()
    announce(message, f"{dag_id}-{run_id}", platform_channels(platform), platform_store(platform))


def announce_failure(context: Any) -> None:
    """`on_failure_callback` of both DAGs; each look-up may fail and the message still goes out."""
    run = context.get("dag_run")
    run_id = str(getattr(run, "run_id", None) or context.get("run_id", "unknown"))
    dag_id = str(getattr(run, "dag_id", None) or getattr(context.get("dag"), "dag_id", "unknown"))
    facts, reason = {}, str(context.get("reason") or "the run failed")
    try:
        facts, found = _look_up(dag_id, dict(getattr(run, "conf", None) or {}))
        reason = found or reason
    except Exception:
        LOG.exception("the reason of %s %s could not be looked up", dag_id, run_id)
    if task := context.get("ti") or context.get("task_instance"):
        facts["task"] = str(getattr(task, "task_id", ""))
    url = run_url(Platform.from_environment(), dag_id, run_id)
    command = f"modelway logs {facts['job']}" if "job" in facts else f"open {url}"
    tell(messages.failed(dag_id, run_id, facts, reason, url, command), dag_id, run_id)


def _look_up(dag_id: str, conf: dict[str, Any]) -> tuple[dict[str, str], str]:
    client, platform = boto3.client("sagemaker"), Platform.from_environment()
    if dag_id == "deploy":
        wanted = DeploymentRequest.model_validate(conf)
        endpoint = names.endpoint_name(platform.project, wanted.model.name)
        live = registry.describe(client.describe_endpoint, EndpointName=endpoint) or {}
        facts = {"model": wanted.model.name, "version": wanted.model_version, "endpoint": endpoint}
        facts["reason"] = wanted.reason
        return facts, deployment.failure(platform, wanted) or str(live.get("FailureReason", ""))
    request = TrainingRequest.model_validate(conf)
    facts = {"model": request.model.name, "version": request.model_version}
    failure = registry.job_failure(client, request)
    if failure is None:
        return facts, steps.failure(platform, request)
    return {**facts, "job": failure.job_name}, failure.reason
