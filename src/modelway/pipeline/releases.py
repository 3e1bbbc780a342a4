"""Training requests and deployment requests: made from what the registry and SageMaker already know."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import boto3

from modelway.aws.channels import platform_store
from modelway.aws.signing import platform_key
from modelway.aws.store import S3Store
from modelway.contracts import (
    FOR_A_PERSON,
    DeploymentRecord,
    DeploymentRequest,
    Image,
    ModelSpec,
    ProblemType,
    Provenance,
    TrainingRecord,
    TrainingRequest,
)
from modelway.deployment.approval import deployment_request, examples_of, training_of
from modelway.deployment.endpoint import MOVING
from modelway.errors import PlatformError, UserError
from modelway.lineage.statement import Evidence, sealed, statement
from modelway.pipeline.reservations import reserve
from modelway.pipeline.source import pipeline_id, refuse_other_project
from modelway.platform import Platform
from modelway.sagemaker.protection import require_allowed_network
from modelway.sagemaker.registry import attempts, describe
from modelway.versioning import locations, names

SUBJECTS: tuple[names.Subject, ...] = ("candidate", "champion")
Approval = Literal["Approved", "Rejected", "PendingManualApproval"]
Package = dict[str, Any]


def was_accepted(package: Package) -> bool:
    """Whether a package is taken where nobody names a version: approved, or accepted by a verdict that needs nobody."""
    status, verdict = package["ModelApprovalStatus"], package.get("CustomerMetadataProperties", {}).get("verdict")
    return status == "Approved" or (status == "PendingManualApproval" and verdict not in FOR_A_PERSON)


class Releases:
    """A model's versions in one environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._sagemaker: Any = boto3.client("sagemaker")
        self._store: S3Store = platform_store(platform)

    def request(self, spec: ModelSpec, image: Image, origin: Provenance) -> TrainingRequest:
        """The request of one training; kept in S3, from where a retrain and a deployment take it.

        Asked again by the same pipeline for the same content, it is the same request.
        """
        require_allowed_network(spec, self._platform)
        wanted = TrainingRequest(model=spec, image=image, retraining=0, provenance=origin)
        number = reserve(self._store, spec.name, image.version, wanted.content_hash(64))
        request = wanted.model_copy(update={"retraining": number})
        self._store.put(locations.request_key(request), request.model_dump_json())
        return request

    def keep_examples(self, model: str, digest: str, request: str, response: str) -> None:
        """Keep what the admission test sent and got: a deployment is verified with it."""
        body = json.dumps({"request": request, "response": response})
        self._store.put(locations.examples_key(model, digest), body)

    def keep_bill_of_materials(self, model: str, digest: str, text: str) -> str:
        """Keep what is in an image, under its digest; returns the s3:// address."""
        key = locations.bill_of_materials_key(model, digest)
        self._store.put(key, text)
        return locations.artifact_uri(self._platform, key)

    def keep_scan(self, model: str, digest: str, text: str) -> str:
        """Keep what the registry's scan found in an image, under its digest; returns the s3:// address."""
        key = locations.scan_key(model, digest)
        self._store.put(key, text)
        return locations.artifact_uri(self._platform, key)

    def sign(self, model: str, image: Image, origin: Provenance, repository: str = "") -> str:
        """Sign where an image comes from, with the digests of what is kept of it; returns the s3:// address.

        Raises UserError outside the local environment when its list of contents or its scan is missing.
        """
        kept = {
            "sbom": locations.bill_of_materials_key(model, image.digest),
            "scan": locations.scan_key(model, image.digest),
        }
        texts = {name: self._store.get(key) for name, key in kept.items()}
        missing = [name for name, text in texts.items() if text is None]
        if missing and self._platform.environment != "local":
            said = f"{image.uri} has no {' and no '.join(missing)} to sign"
            raise UserError(said, fix="; ".join(f"modelway ci {name}" for name in missing))
        evidence = [
            Evidence(name, locations.artifact_uri(self._platform, kept[name]), text)
            for name, text in texts.items()
            if text is not None
        ]
        content = statement(self._platform, model, image, origin, evidence, repository)
        key = locations.statement_key(model, image.digest)
        self._store.put(key, sealed(content, platform_key(self._platform), self._platform.signing_key_id))
        return locations.artifact_uri(self._platform, key)

    def packages(self, model: str) -> list[Package]:
        """Model packages of a model, newest first."""
        group = names.model_package_group_name(self._platform.project, model)
        if describe(self._sagemaker.describe_model_package_group, ModelPackageGroupName=group) is None:
            raise UserError(f"{model!r} has no registered version here", fix="modelway run PATH")
        return self._packages_of(group)

    def _packages_of(self, group: str) -> list[Package]:
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
        arns = [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]
        found = [dict(self._sagemaker.describe_model_package(ModelPackageName=arn)) for arn in arns]
        return sorted(found, key=lambda package: -int(package["ModelPackageVersion"]))

    def newest(self) -> list[Package]:
        """The newest package that was accepted and that a default branch released, of each model that has one."""
        prefix = f"{self._platform.project}-"
        pages = self._sagemaker.get_paginator("list_model_package_groups").paginate(NameContains=prefix)
        groups = [item["ModelPackageGroupName"] for page in pages for item in page["ModelPackageGroupSummaryList"]]
        found = (self._packages_of(group) for group in groups if group.startswith(prefix))
        kept = ([package for package in packages if _released(package) and was_accepted(package)] for packages in found)
        newest = (packages[0] for packages in kept if packages)
        # Another project's name may start with this one's: its requests lie in a bucket of its own.
        ours = f"s3://{self._platform.artifacts_bucket}/"
        return [package for package in newest if package["CustomerMetadataProperties"]["request"].startswith(ours)]

    def package(self, model: str, version: str | None = None) -> Package:
        """The package of `version` (1.4.2+r3, or 1.4.2 for its newest).

        Without one the newest that was accepted and that a default branch released: unmerged work is taken by its
        version only.
        """
        found = self.packages(model)
        known = [str(p["CustomerMetadataProperties"]["model_version"]) for p in found]
        for package, its in zip(found, known, strict=True):
            if version is None and _released(package) and was_accepted(package):
                return package
            if version is not None and version in (its, its.split("+")[0]):
                return package
        wanted = f"version {version!r}" if version else "version that was accepted and merged"
        raise UserError(f"{model!r} has no {wanted}; registered: {', '.join(known) or 'none'}")

    def approve(self, package: Package, by: str, status: Approval = "Approved") -> None:
        """Set a package's approval in the name of `by`, with when and where; nothing happens when it is set already."""
        if package["ModelApprovalStatus"] != status:
            when = datetime.now(UTC).isoformat(timespec="seconds")
            self._sagemaker.update_model_package(
                ModelPackageArn=package["ModelPackageArn"],
                ModelApprovalStatus=status,
                ApprovalDescription=f"by {by}",
                CustomerMetadataProperties={"approved_by": by, "approved_at": when, "approved_in": pipeline_id()},
            )

    def training_request(self, package: Package) -> TrainingRequest:
        """The request that a package came from. Raises NotApproved when it is gone, or another one."""
        return training_of(package, self._store, self._platform)

    def training_record(self, request: TrainingRequest) -> TrainingRecord | None:
        """What a training left; None when it did not end well."""
        text = self._store.get(locations.record_key(request))
        return None if text is None else TrainingRecord.model_validate_json(text)

    def evaluation_jobs(self, request: TrainingRequest) -> list[str]:
        """Names of the processing jobs that scored the candidate and the champion, the latest attempt of each."""
        found = [
            attempts(
                lambda name: describe(self._sagemaker.describe_processing_job, ProcessingJobName=name),
                partial(names.evaluation_job_name, request, subject),
            )[-1:]
            for subject in SUBJECTS
        ]
        return [attempt.name for last in found for attempt in last]

    def retrain_request(self, model: str) -> TrainingRequest:
        """The newest accepted version's image, trained again on today's data."""
        last = self.training_request(self.package(model))
        refuse_other_project(self._platform, model, last.provenance.project_path)
        changed = {"pipeline_id": pipeline_id(), "triggered_by": "schedule", "pipeline_url": ""}
        return self.request(last.model, last.image, last.provenance.model_copy(update=changed))

    def deployment_request(self, package: Package, by: str) -> DeploymentRequest:
        """What the deployment DAG needs to serve a package; `by` is who asks."""
        trained = self.training_request(package)
        examples = examples_of(trained, self._store)
        return deployment_request(package, trained, examples, requested_by=by, pipeline_id=pipeline_id())

    def rollback_request(self, undone: DeploymentRecord, by: str) -> DeploymentRequest:
        """Deploy again what served before `undone`. Raises UserError when none is on record, or a third one serves."""
        earlier = undone.previous_endpoint_config_name
        before = self._deployment(undone.model_name, earlier) if earlier else None
        other = f"modelway rollback {undone.model_name} --to VERSION"
        if before is None:
            served = f"{undone.endpoint_name} got {undone.endpoint_config_name}"
            raise UserError(f"{served}; no verified deployment before it is on record", fix=other)
        if not self.serves(undone) and not self.serves(before):
            message = f"{undone.endpoint_name} serves neither {undone.endpoint_config_name} nor what was before it"
            raise UserError(message, fix=other)
        return self._again(self.package(undone.model_name, before.model_version), by)

    def rollback_request_to(self, model: str, version: str, by: str) -> DeploymentRequest:
        """Deploy `version` again, which has served before. Raises UserError when it has not."""
        request = self._again(self.package(model, version), by)
        config = names.endpoint_config_name(self._platform.project, request)
        if self._deployment(model, config) is None:
            message = f"{model} {request.model_version} has never been deployed and verified"
            raise UserError(message, fix=f"modelway deploy {model} --version {request.model_version}")
        return request

    def _again(self, package: Package, by: str) -> DeploymentRequest:
        return self.deployment_request(package, by).model_copy(update={"reason": "rollback"})

    def live_deployment(self, model: str) -> DeploymentRecord:
        """The deployment that the endpoint serves. Raises UserError without one, PlatformError while it changes."""
        endpoint = names.endpoint_name(self._platform.project, model)
        live = describe(self._sagemaker.describe_endpoint, EndpointName=endpoint)
        if live is None:
            raise UserError(f"{endpoint} is not live: there is nothing to roll back", fix=f"modelway deploy {model}")
        if live["EndpointStatus"] in MOVING:
            raise PlatformError(f"endpoint {endpoint} is {live['EndpointStatus']}; another deployment is on its way")
        record = self._deployment(model, live["EndpointConfigName"])
        if record is None:
            message = f"{endpoint} runs {live['EndpointConfigName']}, of which no verified deployment is on record"
            raise UserError(message, fix=f"modelway rollback {model} --to VERSION")
        return record

    def _deployment(self, model: str, config: str) -> DeploymentRecord | None:
        text = self._store.get(locations.deployment_key(model, config))
        return None if text is None else DeploymentRecord.model_validate_json(text)

    def serves(self, record: DeploymentRecord) -> bool:
        """Whether the endpoint still has the configuration that a deployment gave it."""
        live = describe(self._sagemaker.describe_endpoint, EndpointName=record.endpoint_name)
        return live is not None and live.get("EndpointConfigName") == record.endpoint_config_name

    def document(self, s3_uri: str) -> dict[str, Any]:
        """A JSON document of the artifacts bucket."""
        text = self._store.get(s3_uri.split("/", 3)[3])
        if text is None:
            raise UserError(f"{s3_uri} is not there")
        found: dict[str, Any] = json.loads(text)
        return found

    def picture(self, request: TrainingRequest) -> bytes:
        """PNG of how the candidate did on its holdout; empty where the problem has no such plot."""
        from modelway.evaluation import plots
        from modelway.evaluation.container_output import read_container_evaluation
        from modelway.evaluation.rows import read_rows

        spec = request.model
        text = self.text(f"{locations.evaluation_output(self._platform, request, 'candidate')}/evaluation.json")
        if spec.problem_type is ProblemType.CUSTOM or not text:
            return b""
        rows = read_rows(spec, read_container_evaluation(text), "candidate")
        return plots.picture(spec.problem_type, rows, "candidate")

    def text(self, s3_uri: str) -> str:
        """A text of the artifacts bucket; empty when it is not there."""
        return self._store.get(s3_uri.split("/", 3)[3]) or ""


def _released(package: Package) -> bool:
    """Whether a package is the work of a default branch, or of a run by hand."""
    return bool(package.get("CustomerMetadataProperties", {}).get("released") == "true")
