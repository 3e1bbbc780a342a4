"""`modelway new`, `run`, `retrain`, `deploy`, `rollback`, `invoke`, `version`, `lineage`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelway.cli import environment
from modelway.cli.console import Console
from modelway.errors import ModelwayError, UserError
from modelway.shipped import shipped

if TYPE_CHECKING:
    from modelway.pipeline.run import PipelineRun

APPROVALS = ("auto", "ask", "never")
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the record of the run to this file.")]
Approve = Annotated[str, typer.Option(help="auto, ask or never: whether an accepted model is deployed.")]


def new(
    path: Annotated[Path, typer.Argument(help="Folder to make; its name is the model's.")],
    problem_type: Annotated[str, typer.Option(help="As problem_type in model.yaml.")] = "binary_classification",
) -> None:
    """Make a model repo that `modelway run` takes as it is."""
    from copier import run_copy

    from modelway.contracts.model_spec import ProblemType

    if path.is_file() or (path.exists() and any(path.iterdir())):
        raise UserError(f"{path} is not empty", fix="choose a folder that does not exist")
    if problem_type not in list(ProblemType):
        raise UserError(f"--problem-type: {problem_type!r} is none of {', '.join(ProblemType)}")
    data = {"problem_type": problem_type, "model_name": _model_name(path)}
    run_copy(str(shipped("model_template")), path, data=data, defaults=True, quiet=True, unsafe=False)
    typer.echo(f"{path} is ready; next: modelway run {path}")


def _model_name(path: Path) -> str:
    from pydantic import TypeAdapter, ValidationError

    from modelway.contracts.model_spec import ModelName

    name = path.absolute().name.lower().replace("_", "-")
    try:
        return str(TypeAdapter(ModelName).validate_python(name))
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserError(f"{name!r} cannot name a model: {said}", fix="choose another name for the folder") from error


def run(
    path: Annotated[Path, typer.Argument(help="Folder with model.yaml.")],
    approve: Approve = "auto",
    json_file: JsonFile = None,
) -> None:
    """Take a model repo the whole way: validate, admit, package, push, train, compare, approve, deploy."""
    if approve not in APPROVALS:
        raise UserError(f"--approve: {approve!r} is none of {', '.join(APPROVALS)}")
    from modelway.contracts.reading import read_model_spec

    spec = read_model_spec(path / "model.yaml")
    pipeline, console = _pipeline()
    _upload_local_data(path, spec)
    with_record(pipeline, json_file, lambda: _commit(pipeline, console, path, approve))


def _commit(pipeline: PipelineRun, console: Console, path: Path, approve: str) -> None:
    record = pipeline.commit(path)
    _tell_metrics(console, record)
    if not record.decision.accepted:
        raise UserError(
            f"{record.model_name} {record.model_version} is not accepted: {'; '.join(record.decision.reasons)}",
            fix="improve the model, or change evaluation.metrics in model.yaml",
        )
    if record.decision.for_a_person:
        for reason in record.decision.reasons:
            console.say(f"    {reason}")
    alone = approve == "auto" and not record.decision.for_a_person
    if alone or (approve == "ask" and typer.confirm("deploy it?", err=True)):
        deployed = pipeline.deploy(record.model_name, record.model_version)
        console.say(f"  endpoint {deployed.endpoint_name} serves {deployed.model_version}")
    else:
        console.say(f"  not deployed; next: modelway deploy {record.model_name} --version {record.model_version}")


def _tell_metrics(console: Console, record: Any) -> None:
    for metric in record.evaluation.metrics:
        line = f"    {metric.name:<18} {metric.candidate:.4f}"
        if metric.champion is not None:
            line += f"  champion {metric.champion:.4f}  difference {metric.difference:+.4f}"
        if metric.interval is not None:
            line += f"  [{metric.interval.low:+.4f}, {metric.interval.high:+.4f}]"
        console.say(line)


def _upload_local_data(path: Path, spec: Any) -> None:
    """On the local stack a channel without data gets the repo's samples, so that a new model runs untouched."""
    from modelway.platform import Platform

    platform = Platform.from_environment()
    if platform.environment != "local":
        return
    from modelway_local.stack.resources import client

    # Training data is put there by whoever owns the account; CI's role may not even list it.
    s3 = client(environment.local_stack(), "s3")
    for channel, value in spec.training.channels.items():
        samples = path / spec.samples / channel
        if value.startswith("s3://") or not samples.is_dir():
            continue
        if s3.list_objects_v2(Bucket=platform.data_bucket, Prefix=value, MaxKeys=1).get("KeyCount"):
            continue
        for file in sorted(item for item in samples.rglob("*") if item.is_file()):
            key = f"{value.rstrip('/')}/{file.relative_to(samples).as_posix()}"
            s3.upload_file(str(file), platform.data_bucket, key)
        print(f"  s3://{platform.data_bucket}/{value} was empty: uploaded {samples}", file=sys.stderr)


def retrain(model: Annotated[str, typer.Argument(help="Name of the model.")], json_file: JsonFile = None) -> None:
    """Train the newest accepted version again, as the daily schedule does."""
    pipeline, console = _pipeline()
    with_record(pipeline, json_file, lambda: _tell_metrics(console, pipeline.retrain(model)))


def deploy(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    version: Annotated[str | None, typer.Option(help="1.4.2+r3, or 1.4.2 for its newest.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Approve a registered version and make it the endpoint."""
    pipeline, _ = _pipeline()
    with_record(pipeline, json_file, lambda: pipeline.deploy(model, version))


def rollback(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    to: Annotated[str | None, typer.Option(help="A version that has served before, e.g. 1.4.2+r3.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Deploy again what served before, or the version that --to names, as `deploy` does."""
    pipeline, _ = _pipeline()
    with_record(pipeline, json_file, lambda: pipeline.rollback_by_hand(model, to))


def invoke(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    file: Annotated[Path, typer.Option(help="Request body, JSON.")],
) -> None:
    """Send a request to a model's endpoint and print the answer."""
    import boto3
    from botocore.exceptions import ClientError

    from modelway.versioning import names

    platform = environment.connect(as_person=True)
    try:
        body = file.read_bytes()
        json.loads(body)
    except (OSError, ValueError) as error:
        raise UserError(f"--file {file}: {error}") from error
    endpoint = names.endpoint_name(platform.project, model)
    try:
        answer = boto3.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType="application/json", Accept="application/json"
        )
    except ClientError as error:
        raise UserError(str(error), fix=f"modelway status; modelway logs {endpoint}") from error
    typer.echo(answer["Body"].read().decode())


def version(
    path: Annotated[Path, typer.Argument(help="Folder with model.yaml.")] = Path(),
    explain: Annotated[bool, typer.Option("--explain", help="Say why.")] = False,
) -> None:
    """Print the version that a push of this folder would take."""
    from modelway.contracts.reading import read_model_spec
    from modelway.pipeline.publishing import Publisher
    from modelway.pipeline.source import commit_title

    spec = read_model_spec(path / "model.yaml")
    found = Publisher(environment.connect(), spec.name).propose(path, spec, commit_title(path))
    typer.echo(found.version)
    if explain:
        for reason in found.reasons:
            typer.echo(f"  {found.bump}: {reason}")


def lineage(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    find: Annotated[str, typer.Option(help="A commit, digest, job, model, endpoint or version, or its start.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say which commit, image, training job, model package and endpoint belong together, newest version first."""
    import boto3

    from modelway.lineage.history import found, history
    from modelway.pipeline.releases import Releases
    from modelway.sagemaker.registry import ChampionGone, live_champion
    from modelway.versioning import names

    platform = environment.connect(as_person=True)
    releases, endpoint = Releases(platform), names.endpoint_name(platform.project, model)
    try:
        live = live_champion(boto3.client("sagemaker"), endpoint)
    except ChampionGone as error:
        live = None
        typer.echo(f"{error}", err=True)
    origins = found(history(releases.packages(model), releases, live.model_name if live else "", endpoint), find)
    if find and not origins:
        raise UserError(f"--find: nothing of {model!r} is called {find!r}", fix=f"modelway lineage {model}")
    if as_json:
        typer.echo(json.dumps([origin._asdict() for origin in origins], indent=2))
        return
    for origin in origins:
        typer.echo(origin.model_version)
        for name, value in list(origin._asdict().items())[1:]:
            typer.echo(f"  {name:<14} {value or '-'}")


def _pipeline() -> tuple[PipelineRun, Console]:
    from modelway.pipeline.run import PipelineRun

    platform, console = environment.connect(), Console()
    return PipelineRun(platform, console), console


def with_record(pipeline: PipelineRun, json_file: Path | None, action: Any) -> None:
    """Run `action`; the record is written also when it fails, with the error in it."""
    try:
        action()
        pipeline.record["outcome"] = "success"
    except ModelwayError as error:
        pipeline.record |= {"outcome": "failed", "error": str(error)}
        raise
    finally:
        if json_file is not None:
            json_file.write_text(json.dumps(pipeline.record, indent=2))
