"""Requests are made from what the registry knows, in memory here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from modelway.contracts import FOR_A_PERSON, DeploymentRecord, DeploymentRequest, TrainingRequest, Verdict
from modelway.errors import PlatformError, UserError
from modelway.lineage.statement import opened, require_ours
from modelway.pipeline import releases
from modelway.pipeline.releases import Releases
from modelway.sagemaker.protection import InternetRefused
from modelway.versioning import locations, names
from tests.unit.deployment.fake_sagemaker import Key, Texts
from tests.unit.evaluation.specs import evaluation_of
from tests.unit.pipeline.test_run import RECORD as DEPLOYED
from tests.unit.sagemaker.test_requests import PLATFORM, TRAINING

MODEL = TRAINING.model.name


class SageMaker:
    """Model names, and packages of one group by ARN."""

    def __init__(self) -> None:
        self.packages: dict[str, dict[str, Any]] = {}
        self.updates: list[str] = []
        self.live: str | None = None
        self.status = "InService"
        self.groups = [f"modelway-{MODEL}"]

    def add(
        self,
        version: str,
        status: str = "Approved",
        bucket: str = PLATFORM.artifacts_bucket,
        released: str = "true",
        verdict: str = "better",
    ) -> None:
        number = len(self.packages) + 1
        metadata = {
            "model_version": version,
            "sagemaker_model": "m",
            "request_digest": TRAINING.content_hash(64),
            "released": released,
            "verdict": verdict,
            "request": f"s3://{bucket}/{locations.request_key(TRAINING)}",
        }
        self.packages[f"arn:aws:sagemaker:x/{number}"] = {
            "ModelPackageArn": f"arn:aws:sagemaker:x/{number}",
            "ModelPackageVersion": number,
            "ModelApprovalStatus": status,
            "CustomerMetadataProperties": metadata,
            "InferenceSpecification": {"Containers": [{"Image": TRAINING.image.uri}]},
        }

    def describe_model_package_group(self, ModelPackageGroupName: str) -> dict[str, Any]:  # noqa: N803
        if not self.packages:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "does not exist"}}, "Describe")
        return {}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        return self.packages[ModelPackageName]

    def update_model_package(
        self,
        ModelPackageArn: str,  # noqa: N803
        ModelApprovalStatus: str,  # noqa: N803
        CustomerMetadataProperties: dict[str, str],  # noqa: N803
        **_: Any,
    ) -> None:
        self.updates.append(ModelPackageArn)
        self.packages[ModelPackageArn]["CustomerMetadataProperties"] |= CustomerMetadataProperties
        self.packages[ModelPackageArn]["ModelApprovalStatus"] = ModelApprovalStatus

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        if self.live is None:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find"}}, "Describe")
        return {"EndpointStatus": self.status, "EndpointConfigName": self.live}

    def get_paginator(self, operation: str) -> Pages:
        return Pages(self, operation)


class Pages:
    """Pages of one entry each."""

    def __init__(self, sagemaker: SageMaker, operation: str) -> None:
        self._sagemaker, self._operation = sagemaker, operation

    def paginate(self, NameContains: str = "", **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        if self._operation == "list_model_package_groups":
            yield {"ModelPackageGroupSummaryList": [{"ModelPackageGroupName": name} for name in self._sagemaker.groups]}
            return
        for arn in self._sagemaker.packages:
            yield {"ModelPackageSummaryList": [{"ModelPackageArn": arn}]}


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> SageMaker:
    made = SageMaker()
    monkeypatch.setattr(releases.boto3, "client", lambda _: made)
    return made


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Texts:
    made = Texts()
    monkeypatch.setattr(releases, "platform_store", lambda _: made)
    return made


@pytest.fixture
def known(sagemaker: SageMaker, bucket: Texts) -> Releases:
    return Releases(PLATFORM)


def test_a_retried_job_finds_its_request_and_another_pipeline_has_the_next_number(known: Releases) -> None:
    def request(pipeline: str) -> TrainingRequest:
        whence = TRAINING.provenance.model_copy(update={"pipeline_id": pipeline})
        return known.request(TRAINING.model, TRAINING.image, whence)

    first = request("7")
    assert (first.retraining, request("8").retraining, request("9").retraining) == (0, 1, 2)
    assert request("7") == first


def test_long_names_keep_the_retraining_number(sagemaker: SageMaker, bucket: Texts) -> None:
    """A SageMaker name of 63 characters has no room for it; the number is not read back from there."""
    known = Releases(PLATFORM.model_copy(update={"project": "acme-ml-platform"}))
    model = TRAINING.model.model_copy(update={"name": "churn-prediction-of-new-customer"})
    for number in (0, 1):
        whence = TRAINING.provenance.model_copy(update={"pipeline_id": str(number)})
        request = known.request(model, TRAINING.image, whence)
        assert request.retraining == number
        assert len(names.model_name("acme-ml-platform", request)) <= names.SAGEMAKER_NAME_MAXIMUM


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="asks for the internet in model.yaml, to send training data away",
    stopped_by="Terraform lists the models that may reach it; jobs and endpoints of all others are isolated",
)
def test_a_network_that_terraform_does_not_allow_trains_nothing(known: Releases, sagemaker: SageMaker) -> None:
    open_model = TRAINING.model.model_copy(update={"network": "internet"})
    with pytest.raises(InternetRefused, match=r"network: internet is not allowed to 'fraud-detector' in local"):
        known.request(open_model, TRAINING.image, TRAINING.provenance)
    allowed = Releases(PLATFORM.model_copy(update={"internet_models": MODEL}))
    assert allowed.request(open_model, TRAINING.image, TRAINING.provenance).retraining == 0


def test_an_image_is_signed_with_what_is_kept_of_it(
    known: Releases, bucket: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "platform_key", lambda _: Key())
    known.keep_bill_of_materials(MODEL, TRAINING.image.digest, "{}")
    known.keep_scan(MODEL, TRAINING.image.digest, "[]")
    uri = known.sign(MODEL, TRAINING.image, TRAINING.provenance, "https://gitlab.example/g/p")
    envelope = bucket.get(uri.split("/", 3)[3])
    require_ours(envelope, Key(), PLATFORM, MODEL, TRAINING.image)
    found = opened(str(envelope), Key())["predicate"]
    assert [item["name"] for item in found["runDetails"]["byproducts"]] == ["sbom", "scan"]
    assert found["buildDefinition"]["resolvedDependencies"][0]["uri"] == "git+https://gitlab.example/g/p"


def test_outside_the_loopback_an_image_without_its_scan_is_not_signed(bucket: Texts, sagemaker: SageMaker) -> None:
    known = Releases(PLATFORM.model_copy(update={"environment": "dev"}))
    with pytest.raises(UserError, match="no sbom and no scan to sign") as caught:
        known.sign(MODEL, TRAINING.image, TRAINING.provenance)
    assert caught.value.fix == "modelway ci sbom; modelway ci scan"


def test_the_newest_that_is_not_rejected(known: Releases, sagemaker: SageMaker) -> None:
    sagemaker.add("1.0.0+r0")
    sagemaker.add("1.0.0+r1", "PendingManualApproval")
    sagemaker.add("1.1.0+r0", "Rejected")

    def version(wanted: str | None = None) -> str:
        return str(known.package(MODEL, wanted)["CustomerMetadataProperties"]["model_version"])

    assert version() == "1.0.0+r1"
    assert version("1.0.0") == "1.0.0+r1"
    assert version("1.0.0+r0") == "1.0.0+r0"
    assert version("1.1.0+r0") == "1.1.0+r0"
    with pytest.raises(UserError, match=r"has no version '2.0.0'; registered: 1.1.0\+r0, 1.0.0\+r1, 1.0.0\+r0"):
        version("2.0.0")


def test_a_model_without_versions(known: Releases) -> None:
    with pytest.raises(UserError, match="fix: modelway run PATH"):
        known.package(MODEL)


def test_approval_is_set_once(known: Releases, sagemaker: SageMaker) -> None:
    sagemaker.add("1.0.0+r0", "PendingManualApproval")
    known.approve(known.package(MODEL), "ada")
    known.approve(known.package(MODEL), "ada")
    assert len(sagemaker.updates) == 1
    written = known.package(MODEL)["CustomerMetadataProperties"]
    assert written["approved_by"] == "ada"
    assert {"approved_at", "approved_in"} <= set(written)


def test_a_deployment_needs_the_request_and_the_example(known: Releases, sagemaker: SageMaker, bucket: Texts) -> None:
    sagemaker.add("1.0.0+r0")
    package = known.package(MODEL)
    with pytest.raises(UserError, match="is gone"):
        known.deployment_request(package, "ada")
    bucket.put(locations.request_key(TRAINING), TRAINING.model_dump_json())
    with pytest.raises(UserError, match="no admission example"):
        known.deployment_request(package, "ada")
    known.keep_examples(MODEL, TRAINING.image.digest, "{}", "[]")
    request = known.deployment_request(package, "ada")
    assert (request.request_example, request.response_example) == ("{}", "[]")
    assert (request.model_version, request.image) == ("1.0.0+r0", TRAINING.image)


def test_a_retrain_is_the_same_image_under_the_next_number(
    known: Releases, sagemaker: SageMaker, bucket: Texts
) -> None:
    sagemaker.add("1.0.0+r0")
    assert known.request(TRAINING.model, TRAINING.image, TRAINING.provenance) == TRAINING
    request = known.retrain_request(MODEL)
    assert (request.retraining, request.image, request.provenance.triggered_by) == (1, TRAINING.image, "schedule")
    assert bucket.get(locations.request_key(request))


def test_documents_of_the_bucket(known: Releases, bucket: Texts) -> None:
    bucket.put("x/record.json", '{"a": 1}')
    assert known.document("s3://a/x/record.json") == {"a": 1}
    assert known.text("s3://a/x/nothing.html") == ""
    with pytest.raises(UserError, match="is not there"):
        known.document("s3://a/x/nothing.json")


def test_the_newest_of_each_model_of_this_environment(known: Releases, sagemaker: SageMaker) -> None:
    sagemaker.add("1.0.0+r0")
    sagemaker.add("1.0.0+r1", "Rejected")
    assert [found["CustomerMetadataProperties"]["model_version"] for found in known.newest()] == ["1.0.0+r0"]
    sagemaker.groups = ["other-thing"]
    assert known.newest() == []


def test_another_projects_models_are_not_ours(known: Releases, sagemaker: SageMaker) -> None:
    sagemaker.add("1.0.0+r0", bucket="somebody-elses")
    assert known.newest() == []


def test_the_picture_is_the_candidates(known: Releases, bucket: Texts) -> None:
    assert known.picture(TRAINING) == b""
    uri = locations.evaluation_output(PLATFORM, TRAINING, "candidate")
    evaluation = evaluation_of(TRAINING.model.problem_type, noise=0.5)
    bucket.put(f"{uri.split('/', 3)[3]}/evaluation.json", evaluation.model_dump_json())
    assert known.picture(TRAINING).startswith(b"\x89PNG")


@pytest.mark.parametrize(("live", "expected"), [("new", True), ("old", False), (None, False)])
def test_a_deployment_stands_while_its_configuration_is_live(
    known: Releases, sagemaker: SageMaker, live: str | None, expected: bool
) -> None:
    sagemaker.live = live
    assert known.serves(DEPLOYED) is expected


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="have a schedule retrain, or `deploy MODEL` deploy, a version that was never merged",
    stopped_by="both see only packages that record a default branch as where they come from",
)
@pytest.mark.parametrize("released", ["false", ""], ids=["merge request", "not recorded"])
def test_unmerged_work_is_taken_by_its_version_only(known: Releases, sagemaker: SageMaker, released: str) -> None:
    sagemaker.add("1.0.0+r0")
    sagemaker.add("1.1.0+r0", released=released)
    versions = [p["CustomerMetadataProperties"]["model_version"] for p in (known.package(MODEL), *known.newest())]
    assert versions == ["1.0.0+r0", "1.0.0+r0"]
    assert known.package(MODEL, "1.1.0")["CustomerMetadataProperties"]["model_version"] == "1.1.0+r0"


def test_without_a_merged_version_there_is_nothing_to_take(known: Releases, sagemaker: SageMaker) -> None:
    sagemaker.add("1.0.0+r0", released="false")
    assert known.newest() == []
    with pytest.raises(UserError, match="no version that was accepted and merged"):
        known.package(MODEL)


def test_another_projects_model_is_not_retrained(sagemaker: SageMaker, bucket: Texts, known: Releases) -> None:
    sagemaker.add("1.0.0+r0")
    bucket.put(locations.request_key(TRAINING), TRAINING.model_dump_json())
    known._platform = PLATFORM.model_copy(update={"models": {MODEL: "somebody/else"}})
    with pytest.raises(UserError, match="belongs to somebody/else"):
        known.retrain_request(MODEL)


@pytest.mark.parametrize("verdict", sorted(FOR_A_PERSON))
def test_what_waits_for_a_person_is_taken_only_by_its_version_or_once_approved(
    known: Releases, sagemaker: SageMaker, verdict: Verdict
) -> None:
    sagemaker.add("1.0.0+r0")
    sagemaker.add("1.1.0+r0", "PendingManualApproval", verdict=verdict.value)
    assert known.package(MODEL)["CustomerMetadataProperties"]["model_version"] == "1.0.0+r0"
    assert [p["CustomerMetadataProperties"]["model_version"] for p in known.newest()] == ["1.0.0+r0"]
    waiting = known.package(MODEL, "1.1.0+r0")
    known.approve(waiting, "ada")
    assert known.package(MODEL)["CustomerMetadataProperties"]["model_version"] == "1.1.0+r0"


class History:
    """Three versions in the registry; those that were deployed, in order, and what is live."""

    def __init__(self, known: Releases, sagemaker: SageMaker, bucket: Texts) -> None:
        self._known, self._sagemaker, self._bucket = known, sagemaker, bucket
        bucket.put(locations.request_key(TRAINING), TRAINING.model_dump_json())
        known.keep_examples(MODEL, TRAINING.image.digest, "{}", "[]")
        for number in range(3):
            sagemaker.add(f"1.0.0+r{number}")

    def request(self, version: str) -> DeploymentRequest:
        return self._known.deployment_request(self._known.package(MODEL, version), "ada")

    def deploy(self, version: str) -> DeploymentRecord:
        """As `deploy` leaves it: the record, with what was live before."""
        config = names.endpoint_config_name("modelway", self.request(version))
        changed = {"previous_endpoint_config_name": self._sagemaker.live, "endpoint_config_name": config}
        record = DEPLOYED.model_copy(update={"model_name": MODEL, "model_version": version, **changed})
        self._bucket.put(locations.deployment_key(MODEL, config), record.model_dump_json())
        self._sagemaker.live = config
        return record


@pytest.fixture
def deployments(known: Releases, sagemaker: SageMaker, bucket: Texts) -> History:
    return History(known, sagemaker, bucket)


def test_a_rollback_deploys_what_served_before(known: Releases, deployments: History) -> None:
    deployments.deploy("1.0.0+r0")
    deployments.deploy("1.0.0+r1")
    request = known.rollback_request(known.live_deployment(MODEL), "ada")
    assert (request.model_version, request.reason, request.requested_by) == ("1.0.0+r0", "rollback", "ada")
    assert request == deployments.request("1.0.0+r0").model_copy(
        update={"reason": "rollback", "provenance": request.provenance}
    )


def test_a_rollback_that_is_repeated_goes_no_further_back(
    known: Releases, deployments: History, sagemaker: SageMaker
) -> None:
    for version in ("1.0.0+r0", "1.0.0+r1"):
        deployments.deploy(version)
    undone = deployments.deploy("1.0.0+r2")
    sagemaker.live = undone.previous_endpoint_config_name  # the first try of the job did it
    assert known.rollback_request(undone, "ada").model_version == "1.0.0+r1"


def test_what_was_deployed_over_since_is_not_rolled_back(known: Releases, deployments: History) -> None:
    deployments.deploy("1.0.0+r0")
    undone = deployments.deploy("1.0.0+r1")
    deployments.deploy("1.0.0+r2")
    with pytest.raises(UserError, match=rf"serves neither.*\n.*modelway rollback {MODEL} --to VERSION"):
        known.rollback_request(undone, "ada")


def test_a_first_deployment_cannot_be_rolled_back(known: Releases, deployments: History) -> None:
    with pytest.raises(UserError, match="no verified deployment before it is on record"):
        known.rollback_request(deployments.deploy("1.0.0+r0"), "ada")


def test_a_rollback_to_a_version_takes_only_one_that_has_served(known: Releases, deployments: History) -> None:
    deployments.deploy("1.0.0+r0")
    assert known.rollback_request_to(MODEL, "1.0.0+r0", "ada").reason == "rollback"
    with pytest.raises(UserError, match=r"1\.0\.0\+r1 has never been deployed and verified"):
        known.rollback_request_to(MODEL, "1.0.0+r1", "ada")


@pytest.mark.parametrize(
    ("live", "status", "error", "said"),
    [
        (None, "", UserError, "there is nothing to roll back"),
        ("unproven", "InService", UserError, "no verified deployment is on record"),
        ("unproven", "Updating", PlatformError, "another deployment is on its way"),
    ],
)
def test_there_is_no_live_deployment_to_roll_back(
    known: Releases, sagemaker: SageMaker, live: str | None, status: str, error: type[Exception], said: str
) -> None:
    sagemaker.live, sagemaker.status = live, status
    with pytest.raises(error, match=said):
        known.live_deployment(MODEL)
