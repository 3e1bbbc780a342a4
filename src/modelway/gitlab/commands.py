"""`modelway ci fetch`, `note`, `rollback` and `retrain-all`: what GitLab's jobs need beside `modelway run`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Annotated

import boto3
import typer
import yaml

from modelway.aws.channels import platform_store
from modelway.contracts import DeploymentRecord, ModelSpec, TrainingRecord
from modelway.deployment.endpoint import restore
from modelway.errors import PlatformError, UserError
from modelway.gitlab import artifacts, notes, schedules
from modelway.gitlab.client import connect
from modelway.inert import hosts_of
from modelway.pipeline.releases import Releases
from modelway.platform import Platform
from modelway.versioning import locations, names

app = typer.Typer(no_args_is_help=True, help="What GitLab's jobs call.")


@app.command()
def fetch(
    project: Annotated[int, typer.Option(help="Id of the model's project.")],
    job: Annotated[int, typer.Option(help="Id of the job whose artifact is the code.")],
    into: Annotated[Path, typer.Option(help="New folder for the files.")],
    commit: Annotated[str, typer.Option(help="Commit that the job must be of.")] = "",
) -> None:
    """Fetch a model's code by job id."""
    typer.echo(f"fetched job {job} into {artifacts.fetch(connect(), project, job, commit, into)}")


@app.command()
def note(
    record: Annotated[Path, typer.Option(help="The TrainingRecord, record.json.")],
    model: Annotated[Path, typer.Option(help="The model's model.yaml.")],
    plot: Annotated[Path | None, typer.Option(help="PNG to upload and show; without the file, none is.")] = None,
) -> None:
    """Write or update the merge request's note (UPSTREAM_PROJECT_ID, UPSTREAM_MR_IID)."""
    read = TrainingRecord.model_validate_json(record.read_text())
    spec = ModelSpec.model_validate(yaml.safe_load(model.read_text()))
    client = connect()
    project, merge_request = _number("UPSTREAM_PROJECT_ID"), _number("UPSTREAM_MR_IID")
    links = notes.Links(
        dag_run=os.environ.get("MODELWAY_DAG_RUN_URL", ""),
        deploy_job=notes.deploy_job(client, *_this_pipeline()),
        pipeline=os.environ.get("CI_PIPELINE_URL", ""),
        report=os.environ.get("MODELWAY_REPORT_URL", ""),
        plot=notes.upload_plot(client, project, plot.name, plot.read_bytes()) if plot and plot.exists() else "",
    )
    hosts = hosts_of(client.url, os.environ.get("MODELWAY_AIRFLOW_URL", ""))
    number = notes.put_note(client, project, merge_request, spec.name, notes.render(read, spec, links, hosts))
    typer.echo(f"note {number} of merge request {merge_request} is up to date")


@app.command()
def rollback(model: Annotated[str, typer.Option(help="Name of the model.")]) -> None:
    """Give the endpoint the configuration that it had before its last deployment."""
    platform = Platform.from_environment()
    client = boto3.client("sagemaker")
    endpoint = names.endpoint_name(platform.project, model)
    config = client.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    text = platform_store(platform).get(locations.deployment_key(model, config))
    previous = DeploymentRecord.model_validate_json(text).previous_endpoint_config_name if text else None
    if previous is None:
        raise UserError(f"{endpoint} runs {config}; no configuration before it is on record")
    typer.echo(restore(client, endpoint, previous, autoscaling=boto3.client("application-autoscaling")))


@app.command("retrain-all")
def retrain_all(schedule: Annotated[str, typer.Option(help="daily or weekly.")]) -> None:
    """Retrain every model whose model.yaml asks for this schedule; fails at the end if any failed."""
    if schedule not in ("daily", "weekly"):
        raise UserError(f"--schedule: {schedule!r} is neither daily nor weekly")
    specs, unreadable = schedules.due(Releases(Platform.from_environment()), schedule)
    codes = schedules.retrain_all(specs, _retrain)
    for name, code in codes.items():
        typer.echo(f"{name}: {'retrained' if code == 0 else f'failed with exit code {code}'}")
    failed = [*(name for name, code in codes.items() if code), *unreadable]
    if failed:
        raise PlatformError(f"not retrained: {', '.join(failed)}")


def _retrain(model: str) -> int:
    return subprocess.run(["modelway", "ci", "retrain", model], check=False).returncode


def _this_pipeline() -> tuple[int, int]:
    """Project and id of the platform's pipeline; zeros outside one."""
    found = [os.environ.get(name, "") for name in ("CI_PROJECT_ID", "CI_PIPELINE_ID")]
    project, pipeline = (int(value) if value.isdigit() else 0 for value in found)
    return project, pipeline


def _number(variable: str) -> int:
    value = os.environ.get(variable, "")
    if not value.isdigit():
        raise UserError(f"{variable} is {value!r}, not a number", fix="run this in a pipeline that upstream triggered")
    return int(value)
