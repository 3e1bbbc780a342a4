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
from modelway.contracts import DeploymentRecord, ModelSpec, TrainingRecord, Upstream
from modelway.contracts.reading import read_model_spec
from modelway.deployment.endpoint import restore
from modelway.errors import PlatformError, UserError
from modelway.gitlab import artifacts, notes, schedules, upstream
from modelway.gitlab.client import connect, connect_as_job, connect_to_settings
from modelway.gitlab.trusted import refuse_overrides
from modelway.inert import hosts_of
from modelway.pipeline.releases import Releases
from modelway.pipeline.source import refuse_foreign, refuse_other_project
from modelway.pipeline.work import WorkFolder
from modelway.platform import Platform
from modelway.versioning import locations, names

app = typer.Typer(no_args_is_help=True, help="What GitLab's jobs call.")


@app.command()
def fetch(
    model: Annotated[str, typer.Option(help="Name of the model that the pipeline is for.")],
    into: Annotated[Path, typer.Option(help="New folder for the files.")],
    path: Annotated[Path, typer.Option(help="Folder of model.yaml within them.")] = Path(),
) -> None:
    """Find out which pipeline triggered this one, fetch its code and keep what is verified for the jobs that follow."""
    refuse_overrides()
    platform = Platform.from_environment()
    own = upstream.own_job(connect_as_job())
    own_path = upstream.refuse_pipeline_variables(connect_to_settings(), own.project_id)
    client = connect()
    facts = upstream.verified(client, own, own_path, model)
    refuse_other_project(platform, model, facts.project_path)
    artifacts.fetch(client, facts.project_id, facts.source_job_id, facts.commit_sha, into)
    refuse_foreign(platform, facts, read_model_spec(into / path / "model.yaml").name)
    WorkFolder().room("upstream").write("upstream", facts)
    of = f"merge request {facts.merge_request}" if facts.merge_request else facts.ref
    typer.echo(f"fetched job {facts.source_job_id} of {facts.project_path} ({of}, {facts.commit_sha[:12]}) into {into}")


@app.command()
def note(
    record: Annotated[Path, typer.Option(help="The TrainingRecord, record.json.")],
    model: Annotated[Path, typer.Option(help="The model's model.yaml.")],
    plot: Annotated[Path | None, typer.Option(help="PNG to upload and show; without the file, none is.")] = None,
) -> None:
    """Write or update the note of the merge request that triggered the pipeline; there may be none."""
    refuse_overrides()
    facts = _facts()
    if facts.merge_request is None:
        typer.echo(f"this pipeline is of {facts.ref}, not of a merge request: there is no note to write")
        return
    read = TrainingRecord.model_validate_json(record.read_text())
    spec = ModelSpec.model_validate(yaml.safe_load(model.read_text()))
    refuse_foreign(Platform.from_environment(), facts, spec.name)
    refuse_foreign(Platform.from_environment(), facts, read.model_name)
    client = connect()
    links = notes.Links(
        dag_run=os.environ.get("MODELWAY_DAG_RUN_URL", ""),
        pipeline=facts.downstream_pipeline_url,
        report=os.environ.get("MODELWAY_REPORT_URL", ""),
        plot=notes.upload_plot(client, facts.project_id, plot.name, plot.read_bytes())
        if plot and plot.exists()
        else "",
    )
    hosts = hosts_of(client.url, os.environ.get("MODELWAY_AIRFLOW_URL", ""))
    body = notes.render(read, spec, links, hosts)
    number = notes.put_note(client, facts.project_id, facts.merge_request, spec.name, body)
    typer.echo(f"note {number} of merge request {facts.merge_request} is up to date")


@app.command()
def rollback(model: Annotated[str, typer.Option(help="Name of the model.")]) -> None:
    """Give the endpoint the configuration that it had before its last deployment."""
    refuse_overrides()
    platform, facts = Platform.from_environment(), _facts()
    refuse_foreign(platform, facts, model)
    if not facts.released:
        raise UserError(f"this pipeline is of {facts.ref}, which is not merged", fix="roll back from main's pipeline")
    client = boto3.client("sagemaker")
    endpoint = names.endpoint_name(platform.project, model)
    config = client.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    text = platform_store(platform).get(locations.deployment_key(model, config))
    previous = DeploymentRecord.model_validate_json(text).previous_endpoint_config_name if text else None
    if previous is None:
        raise UserError(f"{endpoint} runs {config}; no configuration before it is on record")
    typer.echo(restore(client, endpoint, previous, own=config, autoscaling=boto3.client("application-autoscaling")))


@app.command("retrain-all")
def retrain_all(schedule: Annotated[str, typer.Option(help="daily or weekly.")]) -> None:
    """Retrain every model whose model.yaml asks for this schedule; fails at the end if any failed."""
    refuse_overrides()
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


def _facts() -> Upstream:
    """What `fetch` verified. Raises UserError where it did not run."""
    return WorkFolder().room("upstream").document("upstream", Upstream, "fetch")
