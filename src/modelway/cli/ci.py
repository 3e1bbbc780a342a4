"""`modelway ci ...`: the same steps one by one, as GitLab's jobs call them; state passes through $MODELWAY_OUT.

`validate`, `admit` and `package` handle or run what a model team wrote and need no identity. All others have one: they
begin with `_platform`, and tests/unit/ci/test_trust.py proves from the call graph that they run none of a model's code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelway.cli import environment
from modelway.cli.console import Console
from modelway.errors import UserError
from modelway.shipped import shipped

if TYPE_CHECKING:
    from modelway.contracts import Admission, ModelSpec, TrainingRecord, Upstream
    from modelway.pipeline.work import WorkFolder
    from modelway.platform import Platform

app = typer.Typer(no_args_is_help=True, help="The steps of a pipeline, as GitLab's jobs call them.")
Folder = Annotated[Path, typer.Argument(help="Folder with model.yaml.")]


def _platform() -> Platform:
    """The platform, for a job with an identity. Raises Overridden when a variable would lead it astray."""
    from modelway.gitlab.trusted import refuse_overrides

    platform = environment.connect()
    refuse_overrides()
    return platform


def _upstream(platform: Platform | None) -> Upstream | None:
    """What `fetch` verified; only in the environment local a pipeline may do without."""
    from modelway.contracts import Upstream
    from modelway.pipeline.work import WorkFolder

    facts = WorkFolder().room("upstream")
    if not facts.has("upstream") and platform is not None and platform.environment == "local":
        return None
    return facts.document("upstream", Upstream, "fetch")


def _opened(folder: Path) -> tuple[Platform, ModelSpec, Upstream | None]:
    """The platform, model.yaml and where the code comes from; a name that is not this project's is refused."""
    from modelway.contracts.reading import read_model_spec
    from modelway.pipeline.source import refuse_foreign

    platform, spec = _platform(), read_model_spec(folder / "model.yaml")
    upstream = _upstream(platform)
    refuse_foreign(platform, upstream, spec.name)
    return platform, spec, upstream


def _admitted(work: WorkFolder, folder: Path, spec: ModelSpec) -> Admission:
    """What `admit` left for just this content. Raises UserError when there is none."""
    from modelway.contracts import Admission
    from modelway.pipeline.run import content

    admitted = work.room("admission").document("admission", Admission, "admit")
    if (admitted.model_name, admitted.content) != (spec.name, content(folder)):
        raise UserError(f"what was admitted is not what lies in {folder}", fix="modelway ci admit")
    return admitted


def _title(upstream: Upstream | None) -> str:
    return upstream.commit_title if upstream else ""


@app.command()
def validate(folder: Folder) -> None:
    """Check model.yaml, the files and the code (pylint)."""
    wanted = os.environ.get("MODELWAY_MODEL_NAME")
    from modelway.pipeline.run import validated

    spec = validated(folder, lambda line: typer.echo(line, err=True))
    if wanted and wanted != spec.name:
        fix = "give the train job's input model_name the name in model.yaml"
        raise UserError(f"the pipeline is for {wanted!r} and model.yaml says {spec.name!r}", fix=fix)
    typer.echo(f"{folder}: {spec.name} is valid")


@app.command()
def admit(folder: Folder) -> None:
    """Train, evaluate and serve once on the samples; keeps the example for the deployment's check."""
    from modelway.contracts import Admission
    from modelway.contracts.reading import read_model_spec
    from modelway.packaging.dependencies import install, installed
    from modelway.pipeline.run import admission, content
    from modelway.pipeline.work import WorkFolder

    spec, before = read_model_spec(folder / "model.yaml"), content(folder)
    result = admission(folder, spec, lambda line: typer.echo(line, err=True))
    if content(folder) != before:
        raise UserError(f"{folder} was changed while its code ran", fix="write below the folders that train() is given")
    admitted = Admission(
        model_name=spec.name,
        content=before,
        request_example=result.request_example,
        response_example=result.response_example,
        dependencies=installed(install(folder / spec.requirements).folder),
    )
    WorkFolder().room("admission").write("admission", admitted)
    typer.echo(f"admitted in {sum(result.seconds.values()):.1f} s")


@app.command()
def version(folder: Folder) -> None:
    """Compute the next version; the push reserves it."""
    from modelway.pipeline.publishing import Publisher
    from modelway.pipeline.work import WorkFolder

    platform, spec, upstream = _opened(folder)
    found = Publisher(platform, spec.name).propose(folder, spec, _title(upstream))
    work = WorkFolder()
    work.write("version", {"version": found.version, "bump": found.bump, "reasons": list(found.reasons)})
    work.dotenv("version", MODELWAY_VERSION=found.version)
    typer.echo(f"{found.version} ({found.bump}: {'; '.join(found.reasons)})")


@app.command()
def package(folder: Folder) -> None:
    """Build the image, say its digest and leave it in the folder `image` for `push`."""
    from modelway.contracts.reading import read_model_spec
    from modelway.gitlab.trusted import gitlab_server
    from modelway.packaging.saved import save
    from modelway.pipeline.publishing import package as build
    from modelway.pipeline.source import origin, provenance
    from modelway.pipeline.work import WorkFolder

    facts = WorkFolder().room("upstream")
    upstream = _upstream(None) if facts.has("upstream") else None
    came_from = origin(provenance(folder, upstream), gitlab_server() if upstream else "")
    spec = read_model_spec(folder / "model.yaml")
    built = build(folder, spec, lambda line: typer.echo(line, err=True), came_from)
    save(built, WorkFolder().path / "image")
    typer.echo(built.digest)


@app.command()
def push(folder: Folder) -> None:
    """Push what `package` left under the next free version; a push of equal content keeps its version."""
    from modelway.packaging.saved import load
    from modelway.pipeline.publishing import Publisher
    from modelway.pipeline.work import WorkFolder

    (platform, spec, upstream), work = _opened(folder), WorkFolder()
    built = load(work.path / "image", folder, spec, _admitted(work, folder, spec).dependencies)
    image, _ = Publisher(platform, spec.name).push(built, folder, spec, _title(upstream))
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

    platform = _platform()
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
    from modelway.gitlab.trusted import gitlab_server
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.source import origin, provenance
    from modelway.pipeline.work import WorkFolder

    platform, spec, upstream = _opened(folder)
    image, came_from = WorkFolder().document("image", Image, "push"), provenance(folder, upstream)
    source = origin(came_from, gitlab_server() if upstream else "").source
    typer.echo(Releases(platform).sign(spec.name, image, came_from, source))


@app.command()
def sbom(folder: Folder) -> None:
    """List what is in the image that `package` left (CycloneDX), and keep the list under the image's digest."""
    from modelway.contracts import Image
    from modelway.packaging.bill_of_materials import describe
    from modelway.packaging.saved import load
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.work import WorkFolder

    (platform, spec, _), work = _opened(folder), WorkFolder()
    image = work.document("image", Image, "push")
    built = load(work.path / "image", folder, spec, _admitted(work, folder, spec).dependencies)
    text = describe(built, f"{image.repository_uri}:{image.version}")
    (work.path / "sbom.cdx.json").write_text(text)
    typer.echo(Releases(platform).keep_bill_of_materials(spec.name, image.digest, text))


@app.command()
def trigger(folder: Folder) -> None:
    """Start `train_evaluate` for the pushed image; a retried job finds the run that it started.

    It takes what `admit` left for just this content and never admits a model itself: this job has an identity.
    """
    from modelway.contracts import Image, TrainingRequest
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.runs import Runs
    from modelway.pipeline.source import provenance
    from modelway.pipeline.work import WorkFolder

    (platform, spec, upstream), work = _opened(folder), WorkFolder()
    image, releases = work.document("image", Image, "push"), Releases(platform)
    admitted = _admitted(work, folder, spec)
    releases.keep_examples(spec.name, image.digest, admitted.request_example, admitted.response_example)
    if work.has("request"):
        request = work.document("request", TrainingRequest, "trigger")
    else:
        request = releases.request(spec, image, provenance(folder, upstream))
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

    platform, work = _platform(), WorkFolder()
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
    releases = Releases(_platform())
    (work.path / "report.html").write_text(releases.text(record.evaluation.report_s3_uri))
    if picture := releases.picture(work.document("request", TrainingRequest, "trigger")):
        (work.path / "plot.png").write_bytes(picture)
    for metric in record.evaluation.metrics:
        champion = "" if metric.champion is None else f"  champion {metric.champion:.4f}"
        typer.echo(f"{metric.name:<18} {metric.candidate:.4f}{champion}")
    typer.echo(f"{record.decision.verdict}: {'; '.join(record.decision.reasons)}")
    if not record.decision.accepted:
        raise UserError(f"{record.model_name} {record.model_version} is not accepted")


def _refuse_unmerged(upstream: Upstream | None) -> None:
    """Raises UserError unless this is a default branch's pipeline."""
    if upstream and not upstream.released:
        of = f"merge request {upstream.merge_request}" if upstream.merge_request else upstream.ref
        raise UserError(f"this pipeline is of {of}, which is not merged", fix="merge; main's pipeline has this job too")


def _candidate(folder: Path) -> tuple[Platform, TrainingRecord]:
    """What this pipeline trained, of a default branch. Raises UserError in any other pipeline: merge first."""
    from modelway.contracts import TrainingRecord
    from modelway.pipeline.work import WorkFolder

    platform, spec, upstream = _opened(folder)
    _refuse_unmerged(upstream)
    trained = WorkFolder().document("record", TrainingRecord, "wait")
    if trained.model_name != spec.name:
        raise UserError(f"the record is of {trained.model_name}, not of {spec.name}", fix="modelway ci wait")
    return platform, trained


@app.command()
def approve(folder: Folder) -> None:
    """Approve the version that this pipeline trained, in the name of whoever started this job."""
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.source import requester

    platform, trained = _candidate(folder)
    releases, who = Releases(platform), requester(platform)
    releases.approve(releases.package(trained.model_name, trained.model_version), who)
    typer.echo(f"{trained.model_name} {trained.model_version} is approved by {who}")


@app.command()
def deploy(folder: Folder) -> None:
    """Make the version that this pipeline trained the endpoint, once `approve` has approved it."""
    from modelway.pipeline.run import PipelineRun
    from modelway.pipeline.work import WorkFolder

    platform, trained = _candidate(folder)
    work = WorkFolder()
    deployed = PipelineRun(platform, Console()).deploy_approved(trained.model_name, trained.model_version)
    work.write("deployment", deployed)
    typer.echo(f"{deployed.endpoint_name} {deployed.action}: {deployed.model_version}")


@app.command()
def rollback(model: Annotated[str, typer.Option(help="Name of the model.")]) -> None:
    """Deploy again what served before this pipeline's `deploy`: the same DAG, with its proof and its message."""
    from modelway.contracts import DeploymentRecord
    from modelway.pipeline.run import PipelineRun
    from modelway.pipeline.source import refuse_foreign
    from modelway.pipeline.work import WorkFolder

    platform = _platform()
    upstream = _upstream(platform)
    refuse_foreign(platform, upstream, model)
    _refuse_unmerged(upstream)
    undone = WorkFolder().document("deployment", DeploymentRecord, "deploy")
    if undone.model_name != model:
        raise UserError(f"the deployment is of {undone.model_name}, not of {model}", fix="modelway ci deploy")
    deployed = PipelineRun(platform, Console()).rollback(undone)
    typer.echo(f"{deployed.endpoint_name} serves {deployed.model_version} again")


@app.command()
def retrain(model: Annotated[str, typer.Argument(help="Name of the model.")]) -> None:
    """Train a model's newest accepted version again and wait for the end."""
    from modelway.pipeline.run import PipelineRun
    from modelway.pipeline.work import WorkFolder

    record = PipelineRun(_platform(), Console()).retrain(model)
    WorkFolder(Path(os.environ.get("MODELWAY_OUT", "out")) / model).write("record", record)
    typer.echo(f"{model} {record.model_version}: {record.decision.verdict}")
