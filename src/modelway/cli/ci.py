"""`modelway ci ...`: the same steps one by one, as GitLab's jobs call them; state passes through $MODELWAY_OUT."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from modelway.cli import environment
from modelway.cli.console import Console
from modelway.errors import UserError
from modelway.shipped import shipped

app = typer.Typer(no_args_is_help=True, help="The steps of a pipeline, as GitLab's jobs call them.")
Folder = Annotated[Path, typer.Argument(help="Folder with model.yaml.")]


@app.command()
def validate(folder: Folder) -> None:
    """Check model.yaml, the files and the code (pylint)."""
    from modelway.pipeline.run import validated

    spec = validated(folder, lambda line: typer.echo(line, err=True))
    typer.echo(f"{folder}: {spec.name} is valid")


@app.command()
def admit(folder: Folder) -> None:
    """Train, evaluate and serve once on the samples; keeps the example for the deployment's check."""
    from modelway.contracts.reading import read_model_spec
    from modelway.pipeline.run import admission
    from modelway.pipeline.work import WorkFolder

    result = admission(folder, read_model_spec(folder / "model.yaml"), lambda line: typer.echo(line, err=True))
    WorkFolder().write("examples", {"request": result.request_example, "response": result.response_example})
    typer.echo(f"admitted in {sum(result.seconds.values()):.1f} s")


@app.command()
def version(folder: Folder) -> None:
    """Compute the next version; the push reserves it."""
    from modelway.contracts.reading import read_model_spec
    from modelway.pipeline.publishing import Publisher
    from modelway.pipeline.source import commit_title
    from modelway.pipeline.work import WorkFolder

    spec = read_model_spec(folder / "model.yaml")
    found = Publisher(environment.connect(), spec.name).propose(folder, spec, commit_title(folder))
    work = WorkFolder()
    work.write("version", {"version": found.version, "bump": found.bump, "reasons": list(found.reasons)})
    work.dotenv("version", MODELWAY_VERSION=found.version)
    typer.echo(f"{found.version} ({found.bump}: {'; '.join(found.reasons)})")


@app.command()
def package(folder: Folder) -> None:
    """Build the image, say its digest and leave it in the folder `image` for `push`."""
    from modelway.contracts.reading import read_model_spec
    from modelway.packaging.saved import save
    from modelway.pipeline.publishing import package as build
    from modelway.pipeline.work import WorkFolder

    built = build(folder, read_model_spec(folder / "model.yaml"), lambda line: typer.echo(line, err=True))
    save(built, WorkFolder().path / "image")
    typer.echo(built.digest)


@app.command()
def push(folder: Folder) -> None:
    """Push what `package` left under the next free version; a push of equal content keeps its version."""
    from modelway.contracts.reading import read_model_spec
    from modelway.packaging.saved import load
    from modelway.pipeline.publishing import Publisher
    from modelway.pipeline.source import commit_title
    from modelway.pipeline.work import WorkFolder

    platform, spec, work = environment.connect(), read_model_spec(folder / "model.yaml"), WorkFolder()
    built = load(work.path / "image", folder, spec)
    image, _ = Publisher(platform, spec.name).push(built, folder, spec, commit_title(folder))
    work.write("image", image)
    work.dotenv("image", MODELWAY_VERSION=image.version, MODELWAY_IMAGE=image.uri)
    typer.echo(f"{image.repository_uri}:{image.version} {image.digest}")


@app.command()
def scan() -> None:
    """Wait for ECR's scan of the pushed image. Exit code 2, with the list, for a critical finding."""
    import boto3

    from modelway.aws.accepted_findings import ACCEPTED_FINDINGS, read_accepted
    from modelway.aws.image_scan import ScanAbsent, model_of, refuse_critical, scan_document, scanned
    from modelway.contracts import Image
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.work import WorkFolder

    platform = environment.connect()
    image = WorkFolder().document("image", Image, "push")
    try:
        found = scanned(boto3.client("ecr"), image, lambda line: typer.echo(line, err=True))
    except ScanAbsent as error:
        if platform.environment != "local":
            raise
        typer.echo(f"not scanned: {error.message}")
        return
    for item in found:
        typer.echo(f"{item.severity:<13} {item}")
    accepted = refuse_critical(image, found, read_accepted(shipped(ACCEPTED_FINDINGS)))
    Releases(platform).keep_scan(model_of(image), image.digest, scan_document(found, accepted))
    critical = f"{len(accepted)} critical and accepted" if accepted else "none critical"
    typer.echo(f"{len(found)} findings, {critical}")


@app.command()
def attest(folder: Folder) -> None:
    """Sign where the pushed image comes from, with its list of contents and its scan; `deploy` refuses others."""
    from modelway.contracts import Image
    from modelway.contracts.reading import read_model_spec
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.source import origin, provenance
    from modelway.pipeline.work import WorkFolder

    platform, spec = environment.connect(), read_model_spec(folder / "model.yaml")
    image = WorkFolder().document("image", Image, "push")
    typer.echo(Releases(platform).sign(spec.name, image, provenance(folder), origin(folder).source))


@app.command()
def sbom(folder: Folder) -> None:
    """List what is in the image that `package` left (CycloneDX), and keep the list under the image's digest."""
    from modelway.contracts import Image
    from modelway.contracts.reading import read_model_spec
    from modelway.packaging.bill_of_materials import describe
    from modelway.packaging.saved import load
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.work import WorkFolder

    platform, spec, work = environment.connect(), read_model_spec(folder / "model.yaml"), WorkFolder()
    image = work.document("image", Image, "push")
    text = describe(load(work.path / "image", folder, spec), f"{image.repository_uri}:{image.version}")
    (work.path / "sbom.cdx.json").write_text(text)
    typer.echo(Releases(platform).keep_bill_of_materials(spec.name, image.digest, text))


@app.command()
def trigger(folder: Folder) -> None:
    """Start `train_evaluate` for the pushed image; a retried job finds the run that it started."""
    from modelway.contracts import Image, TrainingRequest
    from modelway.contracts.reading import read_model_spec
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.run import admission
    from modelway.pipeline.runs import Runs
    from modelway.pipeline.source import provenance
    from modelway.pipeline.work import WorkFolder

    platform, spec, work = environment.connect(), read_model_spec(folder / "model.yaml"), WorkFolder()
    image, releases = work.document("image", Image, "push"), Releases(platform)
    if not work.has("examples"):
        result = admission(folder, spec, lambda line: typer.echo(line, err=True))
        work.write("examples", {"request": result.request_example, "response": result.response_example})
    examples = work.read("examples", "admit")
    releases.keep_examples(spec.name, image.digest, examples["request"], examples["response"])
    if work.has("request"):
        request = work.document("request", TrainingRequest, "trigger")
    else:
        request = releases.request(spec, image, provenance(folder))
        work.write("request", request)
    _started(work, Runs(platform).start("train_evaluate", request))


def _started(work: Any, run: dict[str, Any]) -> None:
    work.write("run", run)
    work.dotenv("train", MODELWAY_DAG_RUN_URL=run["url"], MODELWAY_DAG_RUN_ID=run["dag_run_id"])
    typer.echo(f"{'started' if run['created'] else 'found'} {run['dag_id']} {run['dag_run_id']}\n{run['url']}")


@app.command()
def wait() -> None:
    """Follow the run that `trigger` started, to its end; writes record.json."""
    from modelway.contracts import TrainingRequest
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.runs import Runs, training_failed
    from modelway.pipeline.work import WorkFolder

    platform, work = environment.connect(), WorkFolder()
    ended = Runs(platform).wait(work.read("run", "trigger"), lambda task, state: typer.echo(f"{task}: {state}"))
    if ended["state"] != "success":
        raise training_failed(platform, work.document("request", TrainingRequest, "trigger"), ended)
    work.write("record", Releases(platform).document(ended["record"]))


@app.command()
def report() -> None:
    """Fetch the evaluation report, draw its plot (plot.png) and print the metrics.

    Exit code 2 when the candidate is not accepted.
    """
    from modelway.contracts import TrainingRecord, TrainingRequest
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.work import WorkFolder

    work = WorkFolder()
    record = work.document("record", TrainingRecord, "wait")
    releases = Releases(environment.connect())
    (work.path / "report.html").write_text(releases.text(record.evaluation.report_s3_uri))
    if picture := releases.picture(work.document("request", TrainingRequest, "trigger")):
        (work.path / "plot.png").write_bytes(picture)
    for metric in record.evaluation.metrics:
        champion = "" if metric.champion is None else f"  champion {metric.champion:.4f}"
        typer.echo(f"{metric.name:<18} {metric.candidate:.4f}{champion}")
    typer.echo(f"{record.decision.verdict}: {'; '.join(record.decision.reasons)}")
    if not record.decision.accepted:
        raise UserError(f"{record.model_name} {record.model_version} is not accepted")


@app.command()
def deploy(folder: Folder) -> None:
    """Approve the version that this pipeline trained and make it the endpoint."""
    from modelway.contracts import TrainingRecord
    from modelway.pipeline.run import PipelineRun
    from modelway.pipeline.work import WorkFolder

    del folder
    work = WorkFolder()
    trained = work.document("record", TrainingRecord, "wait")
    deployed = PipelineRun(environment.connect(), Console()).deploy(trained.model_name, trained.model_version)
    work.write("deployment", deployed)
    typer.echo(f"{deployed.endpoint_name} {deployed.action}: {deployed.model_version}")


@app.command()
def retrain(model: Annotated[str, typer.Argument(help="Name of the model.")]) -> None:
    """Train a model's newest accepted version again and wait for the end."""
    from modelway.pipeline.run import PipelineRun
    from modelway.pipeline.work import WorkFolder

    record = PipelineRun(environment.connect(), Console()).retrain(model)
    WorkFolder(Path(os.environ.get("MODELWAY_OUT", "out")) / model).write("record", record)
    typer.echo(f"{model} {record.model_version}: {record.decision.verdict}")
