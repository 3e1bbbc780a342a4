"""What is approved is what is deployed: a request that differs from its package in any field is refused by its name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelway.contracts import DeploymentRequest, Document, ModelSpec
from modelway.contracts.airflow_params import airflow_params
from modelway.deployment.approval import OF_THE_REQUEST, Approved, NotApproved, approved, approver
from modelway.platform import Platform
from modelway.versioning import locations
from tests.unit.deployment.fake_sagemaker import CONTAINER, PACKAGE, REQUEST, TRAINED, SageMaker, Texts

PLATFORM = Platform(
    data_bucket="d",
    artifacts_bucket="a",
    job_role_arn="r",
    endpoint_role_arn="e",
    signing_key_id="k",
    sns_topic_arn="t",
)
ARN = REQUEST.model_package_arn
# Another valid value of each field, by its dotted name.
OTHER: dict[str, Any] = {
    "model": REQUEST.model.model_copy(update={"description": "another"}),
    "model_version": "1.0.0+r1",
    "model_package_arn": ARN.replace("/m/1", "/m/2"),
    "model_name": "another",
    "image.repository_uri": "127.0.0.1:4566/modelway/another",
    "image.version": "1.0.1",
    "image.digest": "sha256:" + "d" * 64,
    "request_example": "{}",
    "response_example": "{}",
    "requested_by": "somebody",
    "provenance.project_path": "g/another",
    "provenance.commit_sha": "c" * 40,
    "provenance.ref": "feature",
    "provenance.pipeline_id": "8",
    "provenance.pipeline_url": "https://elsewhere.example",
    "provenance.commit_title": "another",
    "provenance.triggered_by": "schedule",
    "provenance.merge_request": 7,
    "provenance.released": not REQUEST.provenance.released,
    "reason": "rollback",
    "again": 1,
}


def names_of(kind: type[Document], prefix: str = "") -> Iterator[str]:
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Document) and inner is not ModelSpec:
            yield from names_of(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


FIELDS = sorted(names_of(DeploymentRequest))


def changed(name: str) -> DeploymentRequest:
    """REQUEST with another value in one field."""
    head, _, tail = name.partition(".")
    value = getattr(REQUEST, head).model_copy(update={tail: OTHER[name]}) if tail else OTHER[name]
    request = REQUEST.model_copy(update={head: value})
    return DeploymentRequest.model_validate(request.model_dump(mode="json"))


class Account:
    """A SageMaker with the package of REQUEST, and the records of its training."""

    def __init__(self) -> None:
        self.sagemaker, self.records = SageMaker(), Texts()
        self.records.put(locations.request_key(TRAINED), TRAINED.model_dump_json())
        examples = {"request": REQUEST.request_example, "response": REQUEST.response_example}
        self.records.put(locations.examples_key("fraud-detector", REQUEST.image.digest), json.dumps(examples))

    @property
    def package(self) -> dict[str, Any]:
        return self.sagemaker.packages[ARN]

    def approved(self, request: DeploymentRequest = REQUEST) -> Approved:
        return approved(self.sagemaker, self.records, PLATFORM, request)


@pytest.fixture
def account() -> Account:
    return Account()


def test_a_request_that_is_its_package_is_taken(account: Account) -> None:
    assert account.approved() == (REQUEST, "ada")


def test_every_field_is_the_packages_or_has_a_reason() -> None:
    """A new field of the contract fails here until somebody says which."""
    assert set(FIELDS) == {*OTHER, "schema_version"}
    assert set(OF_THE_REQUEST) <= set(FIELDS)
    assert all(OF_THE_REQUEST.values())
    assert set(airflow_params(DeploymentRequest)) == {name.split(".")[0] for name in FIELDS}


@pytest.mark.parametrize("name", sorted(set(OTHER) - set(OF_THE_REQUEST)))
@pytest.mark.attack(
    attacker="holder of a role",
    tries="starts a deployment that says otherwise than its approved package, in any field",
    stopped_by="what is deployed is taken from the package, and a difference is refused by the field's name",
)
def test_what_differs_from_the_package_is_refused_by_name(account: Account, name: str) -> None:
    """The package that another ARN names is REQUEST's own content under a number of its own."""
    said = re.escape(name)
    if name == "model_package_arn":
        said = "there is no model package"
    with pytest.raises(NotApproved, match=said):
        account.approved(changed(name))


@pytest.mark.parametrize("name", sorted(set(OF_THE_REQUEST) - {"schema_version"}))
def test_what_is_the_requests_own_changes_nothing_else(account: Account, name: str) -> None:
    assert account.approved(changed(name)).request == changed(name)


@pytest.mark.attack(
    attacker="holder of a role",
    tries="deploys an image of their own by the approved package of another model",
    stopped_by="image, version and model are the package's, whose group must be the model's",
)
def test_an_approved_package_of_another_model_deploys_nothing_else(account: Account) -> None:
    account.package["ModelPackageGroupName"] = "modelway-demand"
    with pytest.raises(NotApproved, match="is not in modelway-fraud-detector"):
        account.approved()


@pytest.mark.parametrize("status", ["PendingManualApproval", "Rejected"])
def test_only_an_approved_package_is_deployed(account: Account, status: str) -> None:
    account.package["ModelApprovalStatus"] = status
    with pytest.raises(NotApproved, match=f"{status}, not Approved"):
        account.approved()
    account.sagemaker.packages.clear()
    with pytest.raises(NotApproved, match="there is no model package"):
        account.approved()


def _no_model(account: Account) -> None:
    account.sagemaker.models.clear()


def _other_image(account: Account) -> None:
    account.sagemaker.models["m"]["PrimaryContainer"]["Image"] = "127.0.0.1:4566/evil@sha256:1"


def _other_artifact(account: Account) -> None:
    account.sagemaker.models["m"]["PrimaryContainer"]["ModelDataUrl"] = "s3://elsewhere/model.tar.gz"


def _other_environment(account: Account) -> None:
    account.sagemaker.models["m"]["PrimaryContainer"]["Environment"]["PYTHONSTARTUP"] = "/opt/ml/model/x.py"


def _other_role(account: Account) -> None:
    account.sagemaker.models["m"]["ExecutionRoleArn"] = "arn:aws:iam::123456789012:role/modelway-local-airflow"


def _open_network(account: Account) -> None:
    account.sagemaker.models["m"]["EnableNetworkIsolation"] = False


def _a_pipeline_of_containers(account: Account) -> None:
    account.sagemaker.models["m"]["Containers"] = [account.sagemaker.models["m"].pop("PrimaryContainer")]


@pytest.mark.parametrize(
    "change",
    [
        _no_model,
        _other_image,
        _other_artifact,
        _other_environment,
        _other_role,
        _open_network,
        _a_pipeline_of_containers,
    ],
)
@pytest.mark.attack(
    attacker="holder of a role",
    tries="puts another SageMaker model under the name that the approved package has",
    stopped_by="image, artifact, environment, role and network of the model are compared with the package",
)
def test_a_model_that_is_not_the_package_is_not_served(account: Account, change: Callable[[Account], None]) -> None:
    change(account)
    with pytest.raises(NotApproved, match="model_name: "):
        account.approved()


def _another_request(account: Account) -> None:
    other = TRAINED.model_copy(update={"model": TRAINED.model.model_copy(update={"description": "x"})})
    account.records.put(locations.request_key(TRAINED), other.model_dump_json())


def _no_request(account: Account) -> None:
    account.records.delete(locations.request_key(TRAINED))


def _a_request_of_elsewhere(account: Account) -> None:
    account.package["CustomerMetadataProperties"]["request"] = "s3://elsewhere/request.json"


def _a_request_that_a_job_uploaded(account: Account) -> None:
    account.package["CustomerMetadataProperties"]["request"] = "s3://a/jobs/fraud-detector/request.json"
    account.records.put("jobs/fraud-detector/request.json", TRAINED.model_dump_json())


def _an_artifact_that_a_job_uploaded(account: Account) -> None:
    evil = {"ModelDataUrl": "s3://a/jobs/fraud-detector/model.tar.gz"}
    account.package["InferenceSpecification"]["Containers"][0] |= evil
    account.sagemaker.models["m"]["PrimaryContainer"] |= evil


def _two_containers(account: Account) -> None:
    account.package["InferenceSpecification"] = {"Containers": [CONTAINER, CONTAINER]}


@pytest.mark.parametrize(
    "change",
    [
        _another_request,
        _no_request,
        _a_request_of_elsewhere,
        _a_request_that_a_job_uploaded,
        _an_artifact_that_a_job_uploaded,
        _two_containers,
    ],
)
@pytest.mark.attack(
    attacker="code of a model",
    tries="gives a package another training, example or spec to be deployed by",
    stopped_by="a package's request lies in the platform's records, under the digest that the package has",
)
def test_a_package_is_of_the_training_that_it_names(account: Account, change: Callable[[Account], None]) -> None:
    change(account)
    with pytest.raises(NotApproved):
        account.approved()


def test_who_approved_elsewhere_is_known_by_sagemaker() -> None:
    by_hand = {"LastModifiedBy": {"IamIdentity": {"Arn": "arn:aws:iam::1:user/ada"}}}
    assert approver(PACKAGE) == "ada"
    assert approver(by_hand) == "arn:aws:iam::1:user/ada"
    assert approver({}) == "unknown"
