"""What SageMaker has already is found, and nothing is made twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from modelway.contracts import TrainingRequest
from modelway.errors import PlatformError
from modelway.sagemaker.registry import (
    Champion,
    ChampionGone,
    JobFailure,
    NameTaken,
    attempts,
    create_once,
    describe,
    fault_of_the_model,
    job_failure,
    live_champion,
    missing,
    register_package,
)
from modelway.versioning import names
from tests.unit.sagemaker.test_requests import TRAINING as _TRAINING

TRAINING: TrainingRequest = _TRAINING
SUBJECTS: tuple[names.Subject, ...] = ("candidate", "champion")


def refused(message: str, code: str = "ValidationException") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def raises(error: ClientError) -> Callable[..., Any]:
    def call(**_: Any) -> Any:
        raise error

    return call


class SageMaker:
    """Jobs, one endpoint and one package group, by name."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.endpoint: dict[str, Any] | None = None
        self.container: dict[str, Any] = {"Image": "i@sha256:1", "ModelDataUrl": "s3://a/m", "Environment": {}}
        self.gone = ""  # which of the live endpoint's parts somebody deleted
        self.groups: list[str] = []
        self.packages: dict[str, dict[str, str]] = {}

    def _job(self, name: str) -> dict[str, Any]:
        if name not in self.jobs:
            raise refused("Requested resource not found.")
        return self.jobs[name]

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return self._job(TrainingJobName)

    def describe_processing_job(self, ProcessingJobName: str) -> dict[str, Any]:  # noqa: N803
        return self._job(ProcessingJobName)

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:  # noqa: N803
        if self.endpoint is None:
            raise refused(f'Could not find endpoint "{EndpointName}".')
        return self.endpoint

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:  # noqa: N803
        if self.gone == "endpoint config":
            raise refused(f'Could not find endpoint configuration "{EndpointConfigName}".')
        return {"ProductionVariants": [{"ModelName": f"model of {EndpointConfigName}"}]}

    def describe_model(self, ModelName: str) -> dict[str, Any]:  # noqa: N803
        if self.gone == "model":
            raise refused(f'Could not find model "{ModelName}".')
        return {"ModelName": ModelName, "PrimaryContainer": self.container}

    def create_model_package_group(self, ModelPackageGroupName: str, Tags: list[Any]) -> None:  # noqa: N803
        assert Tags
        if ModelPackageGroupName in self.groups:
            raise refused("Model Package Group already exists: arn")
        self.groups.append(ModelPackageGroupName)

    def create_model_package(self, **request: Any) -> dict[str, str]:
        arn = f"arn/{len(self.packages) + 1}"
        self.packages[arn] = request["CustomerMetadataProperties"]
        return {"ModelPackageArn": arn}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:  # noqa: N803
        return {"CustomerMetadataProperties": self.packages[ModelPackageName]}

    def get_paginator(self, operation: str) -> SageMaker:
        assert operation == "list_model_packages"
        return self

    def paginate(self, ModelPackageGroupName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert ModelPackageGroupName in self.groups
        for arn in self.packages:
            yield {"ModelPackageSummaryList": [{"ModelPackageArn": arn}]}


@pytest.mark.parametrize(
    ("error", "gone"),
    [
        (refused('Could not find endpoint "e".'), True),
        (refused("Requested resource not found."), True),
        (refused("ModelPackageGroup g does not exist"), True),
        (refused("x", "ResourceNotFound"), True),
        (refused("1 validation error detected: Value 'a_b' failed to satisfy constraint"), False),
        (refused("not found", "AccessDeniedException"), False),
    ],
    ids=["endpoint", "job", "group", "code", "bad-name", "denied"],
)
def test_missing_is_not_any_refusal(error: ClientError, gone: bool) -> None:
    assert missing(error) is gone
    if gone:
        assert describe(raises(error)) is None
    else:
        with pytest.raises(ClientError):
            describe(raises(error))


def test_create_once_takes_what_exists() -> None:
    create_once(raises(refused("Job name must be unique", "ResourceInUse")), {})
    create_once(raises(refused("Cannot create already existing model")), {})
    with pytest.raises(ClientError):
        create_once(raises(refused("no", "AccessDeniedException")), {})


REQUEST = {"EndpointConfigName": "c", "ProductionVariants": [{"ModelName": "m", "Weight": 1.0}], "Tags": [{"Key": "a"}]}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, ""),
        ({"CreationTime": 1, "Tags": []}, ""),
        (
            {"ProductionVariants": [{"ModelName": "other", "Weight": 1}]},
            r"ProductionVariants\[0\].ModelName is 'other'",
        ),
        ({"ProductionVariants": []}, r"ProductionVariants is \[\]"),
        ({"ProductionVariants": [{"Weight": 1}]}, "ModelName is None, not 'm'"),
    ],
    ids=["the same", "more than asked", "another model", "no variant", "a field is missing"],
)
def test_what_has_the_name_is_compared(changed: dict[str, object], told: str) -> None:
    taken = raises(refused("Cannot create already existing endpoint configuration"))

    def read(EndpointConfigName: str) -> dict[str, object]:  # noqa: N803 - boto3's name
        assert EndpointConfigName == "c"
        return {**REQUEST, **changed}

    if not told:
        create_once(taken, REQUEST, read, "EndpointConfigName")
        return
    with pytest.raises(NameTaken, match=f"c exists and is not what is asked for: .*{told}"):
        create_once(taken, REQUEST, read, "EndpointConfigName")


def test_attempts_are_those_that_were_started() -> None:
    known = {"job": {"s": 1}, "job-a2": {"s": 2}, "job-a4": {"s": 4}}
    found = attempts(known.get, lambda number: "job" if number == 1 else f"job-a{number}")
    assert [attempt.name for attempt in found] == ["job", "job-a2"]
    assert attempts({}.get, str) == []
    with pytest.raises(PlatformError, match="20 attempts"):
        attempts(lambda _: {}, str)


def test_the_latest_attempt_says_why() -> None:
    client = SageMaker()
    assert job_failure(client, TRAINING) is None
    first, second = (names.training_job_name(TRAINING, number) for number in (1, 2))
    client.jobs[first] = {"TrainingJobStatus": "Failed", "FailureReason": "AlgorithmError: ValueError: no row"}
    assert job_failure(client, TRAINING) == JobFailure(first, "AlgorithmError: ValueError: no row")
    client.jobs[second] = {"TrainingJobStatus": "Completed"}
    assert job_failure(client, TRAINING) is None
    candidate, champion = (names.evaluation_job_name(TRAINING, subject) for subject in SUBJECTS)
    client.jobs[champion] = {"ProcessingJobStatus": "Failed", "FailureReason": "InternalServerError: no host"}
    assert job_failure(client, TRAINING) == JobFailure(champion, "InternalServerError: no host")
    client.jobs[candidate] = {"ProcessingJobStatus": "Failed", "ExitMessage": "KeyError: 'age'"}
    assert job_failure(client, TRAINING) == JobFailure(candidate, "KeyError: 'age'")


def test_a_champion_that_cannot_score_the_holdout_fails_no_run() -> None:
    client, champion = SageMaker(), names.evaluation_job_name(TRAINING, "champion")
    client.jobs[champion] = {
        "ProcessingJobStatus": "Failed",
        "ExitMessage": "KeyError: 'age'",
        "FailureReason": "AlgorithmError: KeyError: 'age', exit code: 1",
    }
    assert job_failure(client, TRAINING) is None


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (
            {"ProcessingJobStatus": "Failed", "FailureReason": "AlgorithmError: x", "ExitMessage": "KeyError"},
            "KeyError",
        ),
        ({"ProcessingJobStatus": "Failed", "FailureReason": "AlgorithmError: exit 1"}, "AlgorithmError: exit 1"),
        (
            {"ProcessingJobStatus": "Failed", "FailureReason": "ClientError: no such image"},
            "ClientError: no such image",
        ),
        ({"ProcessingJobStatus": "Stopped"}, "it was stopped"),
        ({"ProcessingJobStatus": "Failed", "FailureReason": "InternalServerError: AlgorithmError"}, ""),
        ({"ProcessingJobStatus": "Failed", "FailureReason": "CapacityError: no instance", "ExitMessage": "x"}, ""),
        ({"ProcessingJobStatus": "Completed"}, ""),
    ],
)
def test_the_models_fault_is_told_from_sagemakers(job: dict[str, str], reason: str) -> None:
    assert fault_of_the_model(job).startswith(reason)
    assert bool(fault_of_the_model(job)) is bool(reason)


def test_a_job_that_ran_too_long_names_the_setting() -> None:
    client, job = SageMaker(), names.training_job_name(TRAINING)
    client.jobs[job] = {"SecondaryStatus": "MaxRuntimeExceeded", "StoppingCondition": {"MaxRuntimeInSeconds": 60}}
    failure = job_failure(client, TRAINING)
    assert failure is not None
    assert "training.max_runtime_seconds (60 s)" in failure.reason


@pytest.mark.parametrize("status", [None, "Failed", "Creating"])
def test_no_champion_before_an_endpoint_serves(status: str | None) -> None:
    client = SageMaker()
    if status:
        client.endpoint = {"EndpointStatus": status, "EndpointConfigName": "c"}
    assert live_champion(client, "e") is None


@pytest.mark.parametrize("kind", ["endpoint config", "model"])
def test_a_live_endpoint_without_its_config_or_model_says_what_is_gone_and_the_way_out(kind: str) -> None:
    client = SageMaker()
    client.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": "c"}
    client.gone = kind
    with pytest.raises(ChampionGone) as error:
        live_champion(client, "e")
    assert str(error.value).startswith(
        f"e is live, but its {kind} {'c' if kind != 'model' else 'model of c'} was deleted"
    )
    assert "modelway deploy" in error.value.fix


@pytest.mark.parametrize("status", ["InService", "Updating"])
def test_the_champion_is_the_model_that_is_served(status: str) -> None:
    client = SageMaker()
    client.endpoint = {"EndpointStatus": status, "EndpointConfigName": "c"}
    assert live_champion(client, "e") == Champion("model of c", "unknown", "i@sha256:1", "s3://a/m")
    client.container["Environment"] = {"MODELWAY_MODEL_VERSION": "1.0.0+r2"}
    champion = live_champion(client, "e")
    assert champion is not None
    assert champion.model_version == "1.0.0+r2"


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="has a second request with a version adopt the package of the first",
    stopped_by="a package is found by its request's content, not by its version",
)
def test_a_training_is_registered_once_and_no_other_takes_its_package() -> None:
    client = SageMaker()

    def register(digest: str) -> str:
        metadata = {"model_version": "1.0.0+r0", "request_digest": digest}
        wanted = {"ModelPackageGroupName": "g", "CustomerMetadataProperties": metadata}
        return register_package(client, wanted, [{"Key": "modelway:model", "Value": "g"}])

    assert [register(digest) for digest in ("a", "b", "a", "b")] == ["arn/1", "arn/2", "arn/1", "arn/2"]
    assert (client.groups, len(client.packages)) == (["g"], 2)
