"""The whole way of one commit, step by step: what `modelway run`, `retrain` and `deploy` do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from modelway.admission import AdmissionResult, admit, validate_model
from modelway.contracts import DeploymentRecord, DeploymentRequest, ModelSpec, TrainingRecord, TrainingRequest
from modelway.contracts.reading import read_model_spec
from modelway.deployment.steps import failure
from modelway.errors import UserError
from modelway.packaging.dependencies import cache_folder, install, running_minor
from modelway.packaging.interpreters import clean_interpreter
from modelway.packaging.layers import content_digest
from modelway.pipeline.publishing import Publisher, package
from modelway.pipeline.releases import Releases
from modelway.pipeline.runs import DONE, DagRunFailed, Run, Runs, training_failed
from modelway.pipeline.source import by_hand, origin, requester
from modelway.platform import Platform
from modelway.sagemaker.protection import require_allowed_network

Approve = Literal["auto", "ask", "never"]


class Reporter(Protocol):
    """Who is told how far a run is."""

    def begin(self, stage: str) -> None:
        """A stage starts."""

    def step(self, text: str) -> None:
        """Something happened within the stage."""

    def end(self, stage: str, seconds: float, outcome: str) -> None:
        """A stage ended well."""


class PipelineRun:
    """One pipeline: its stages, their seconds, and the record that `--json` writes."""

    def __init__(self, platform: Platform, reporter: Reporter) -> None:
        self.platform, self._reporter = platform, reporter
        self.releases, self._runs = Releases(platform), Runs(platform)
        self.record: dict[str, Any] = {"seconds": {}}

    @contextmanager
    def _stage(self, name: str) -> Iterator[Callable[[str], None]]:
        self._reporter.begin(name)
        started = time.monotonic()
        outcome: list[str] = []
        try:
            yield outcome.append
        finally:
            self.record["seconds"][name] = round(time.monotonic() - started, 2)
        self._reporter.end(name, self.record["seconds"][name], outcome[-1] if outcome else "")

    def commit(self, model_dir: Path) -> TrainingRecord:
        """validate, admit, package, push, train_evaluate. Raises UserError or PlatformError with the reason."""
        with self._stage("validate") as done:
            spec = validated(model_dir, self._reporter.step)
            require_allowed_network(spec, self.platform)
            came_from = by_hand(model_dir)
            self.record |= {"model": spec.name, "commit": came_from.commit_sha}
            done(f"{spec.name}, {spec.problem_type}")
        with self._stage("admit") as done:
            admitted = admission(model_dir, spec, self._reporter.step)
            done("train, evaluate and serve ran on the samples")
        with self._stage("package") as done:
            built = package(model_dir, spec, self._reporter.step, origin(came_from))
            done(built.digest[:19])
        with self._stage("push") as done:
            publisher = Publisher(self.platform, spec.name)
            image, why = publisher.push(built, model_dir, spec, came_from.commit_title)
            self.record |= {"version": image.version, "digest": image.digest, "version_reasons": list(why.reasons)}
            done(f"{spec.name}:{image.version} ({why.bump}: {why.reasons[0]})")
        self.releases.sign(spec.name, image, came_from, origin(came_from).source)
        self.releases.keep_examples(spec.name, image.digest, admitted.request_example, admitted.response_example)
        return self.train(self.releases.request(spec, image, came_from))

    def retrain(self, model: str) -> TrainingRecord:
        """The newest accepted version's image on today's data, as the schedule does it."""
        request = self.releases.retrain_request(model)
        self.record |= {"model": model, "version": request.image.version, "digest": request.image.digest}
        return self.train(request)

    def train(self, request: TrainingRequest) -> TrainingRecord:
        """Start `train_evaluate` and follow it. Raises DagRunFailed with the job's own reason."""
        with self._stage("train_evaluate") as done:
            run = self._start("train_evaluate", request)
            ended = self._runs.wait(run, lambda task, state: self._reporter.step(f"{task}: {state}"))
            if ended["state"] != "success":
                raise training_failed(self.platform, request, ended)
            record = TrainingRecord.model_validate(self.releases.document(ended["record"]))
            metric = record.evaluation.metrics[0]
            done(f"{record.decision.verdict}: {metric.name} {metric.candidate:.4f}")
        self.record |= {
            "model_version": record.model_version,
            "dag_run_id": run["dag_run_id"],
            "dag_run_url": run["url"],
            "training_job": record.training_job_name,
            "evaluation_jobs": self.releases.evaluation_jobs(request),
            "model_package_arn": record.model_package_arn,
            "metrics": {item.name: item.candidate for item in record.evaluation.metrics},
            "decision": record.decision.model_dump(mode="json"),
            "report": record.evaluation.report_s3_uri,
        }
        return record

    def _start(self, dag_id: str, conf: Any) -> Run:
        run = self._runs.start(dag_id, conf)
        self._reporter.step(f"{'started' if run['created'] else 'found'} {dag_id} {run['dag_run_id']}")
        return run

    def _deployment(self, request: DeploymentRequest) -> tuple[DeploymentRequest, Run]:
        """The run that carries `request` out.

        A job that is repeated finds its run. One that has ended is no answer when it failed, or when the endpoint was
        rolled back or deployed over since: then the request is made again.
        """
        while True:
            run = self._start("deploy", request)
            if run["created"] or run["state"] not in DONE or self._stands(run):
                return request, run
            request = request.model_copy(update={"again": request.again + 1})

    def _stands(self, run: Run) -> bool:
        if run["state"] != "success":
            return False
        record = DeploymentRecord.model_validate(self.releases.document(self._runs.status(run)["record"]))
        return self.releases.serves(record)

    def deploy(self, model: str, version: str | None = None) -> DeploymentRecord:
        """Approve the version, start `deploy` and follow it. Raises DagRunFailed."""
        with self._stage("approve") as done:
            registered, who = self.releases.package(model, version), requester(self.platform)
            self.releases.approve(registered, who)
            done(str(registered["CustomerMetadataProperties"]["model_version"]))
        return self._deploy(self.releases.deployment_request(registered, who))

    def deploy_approved(self, model: str, version: str) -> DeploymentRecord:
        """Deploy a version that somebody has approved. Raises UserError when nobody has, DagRunFailed."""
        registered = self.releases.package(model, version)
        if registered["ModelApprovalStatus"] != "Approved":
            raise UserError(
                f"{model} {version} is not approved: {registered['ModelApprovalStatus']}", fix="modelway ci approve"
            )
        return self._deploy(self.releases.deployment_request(registered, requester(self.platform)))

    def rollback(self, undone: DeploymentRecord) -> DeploymentRecord:
        """Deploy again, by the same DAG, what served before `undone`. Raises UserError as `rollback_request` does."""
        return self._deploy(self.releases.rollback_request(undone, requester(self.platform)))

    def rollback_by_hand(self, model: str, version: str | None = None) -> DeploymentRecord:
        """The same for what is live, or to `version`, which has served before."""
        if version is None:
            return self.rollback(self.releases.live_deployment(model))
        return self._deploy(self.releases.rollback_request_to(model, version, requester(self.platform)))

    def _deploy(self, wanted: DeploymentRequest) -> DeploymentRecord:
        with self._stage(wanted.reason) as done:
            request, run = self._deployment(wanted)
            ended = self._runs.wait(run, lambda task, state: self._reporter.step(f"{task}: {state}"))
            if ended["state"] != "success":
                why = failure(self.platform, request) or "the reason is in the failed task's log"
                what = f"{wanted.reason} of {wanted.model.name} {wanted.model_version}"
                raise DagRunFailed(f"{what} failed: {why}\n  {ended['url']}", fix="modelway notifications")
            record = DeploymentRecord.model_validate(self.releases.document(ended["record"]))
            done(f"{record.endpoint_name} {record.action}: {record.model_version}")
        self.record["endpoint"] = record.model_dump(mode="json")
        self.record["deploy_dag_run_id"] = run["dag_run_id"]
        return record


def validated(model_dir: Path, tell: Callable[[str], None]) -> ModelSpec:
    """Read and check a model folder; warnings are told. Raises UserError with every error."""
    spec = read_model_spec(model_dir / "model.yaml")
    findings = validate_model(model_dir)
    errors = [str(finding) for finding in findings if finding.severity == "error"]
    for finding in findings:
        if finding.severity == "warning":
            tell(str(finding))
    if errors:
        raise UserError("\n".join(errors))
    return spec


def content(model_dir: Path) -> str:
    """Digest of all files of a model's folder, hidden ones included: what an admission is bound to."""
    files = [path for path in model_dir.rglob("*") if path.is_file() and not path.is_symlink()]
    names = [(path.relative_to(model_dir), path) for path in files]
    return content_digest((name.as_posix(), path) for name, path in names if name.parts[0] != ".git")


def admission(model_dir: Path, spec: ModelSpec, tell: Callable[[str], None]) -> AdmissionResult:
    """Run the admission test with the locked dependencies. Raises UserError when the model is refused."""
    dependencies = install(model_dir / spec.requirements, tell)
    interpreter = clean_interpreter(cache_folder().parent / "interpreters", running_minor())
    return admit(
        model_dir,
        spec,
        pythonpath=[dependencies.folder],
        interpreter=interpreter,
        on_progress=lambda step, state: tell(f"{step}: {state}"),
    )
