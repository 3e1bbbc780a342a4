"""Autoscaling is what model.yaml says once a deployment is through, and never in an update's way."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from modelway.contracts import DeploymentRequest
from modelway.deployment import scaling
from modelway.deployment.endpoint import apply_config, restore
from modelway.sagemaker import requests
from tests.unit.deployment.fake_sagemaker import REQUEST, AutoScaling, SageMaker, Texts

NAME = "modelway-fraud-detector"
TARGET = f"endpoint/{NAME}/variant/AllTraffic"


def wanted(**autoscaling: Any) -> scaling.Registration:
    model = REQUEST.model.model_dump() | {"serving": {"autoscaling": {"invocations_per_instance": 100, **autoscaling}}}
    request = DeploymentRequest.model_validate(REQUEST.model_dump() | {"model": model})
    return scaling.Registration(*requests.register_autoscaling(request, NAME))


@pytest.fixture
def sagemaker() -> SageMaker:
    """`old` and `new` are served by one instance type, `large` by another; `old` is live and scales."""
    made = SageMaker(EndpointStatus="InService", EndpointConfigName="old")
    made.types["large"] = "ml.m5.4xlarge"
    scaling.converge(made.autoscaling, NAME, wanted(max_instances=4, cpu_percent=60))
    made.autoscaling.calls.clear()
    return made


def deploy(client: SageMaker, config: str, journal: Texts, **options: bool) -> Any:
    return apply_config(client, NAME, config, [], journal, "key", autoscaling=client.autoscaling, **options)


def test_what_is_wanted_is_registered_and_what_is_not_is_deleted() -> None:
    known = AutoScaling()
    scaling.converge(known, NAME, wanted(max_instances=4, cpu_percent=60))
    assert known.calls == ["register 1-4", f"put {NAME}-invocations", f"put {NAME}-cpu"]
    scaling.converge(known, NAME, wanted(max_instances=3))
    assert known.calls[3:] == ["register 1-3", f"delete {NAME}-cpu", f"put {NAME}-invocations"]
    assert scaling.registered(known, NAME) == wanted(max_instances=3)
    scaling.converge(known, NAME, None)
    assert known.calls[6:] == ["deregister"]
    assert (known.targets, known.policies) == ({}, {})


def test_no_autoscaling_wanted_and_none_there_changes_nothing() -> None:
    known = AutoScaling()
    scaling.converge(known, NAME, None)
    scaling.release(known, NAME)
    assert known.calls == []


def test_another_model_on_the_same_type_keeps_registration_and_instances(sagemaker: SageMaker) -> None:
    assert deploy(sagemaker, "new", Texts(), keep_count=True).released is None
    assert sagemaker.calls == ["retaining update new"]
    assert sagemaker.autoscaling.calls == []


def test_the_count_is_the_configs_where_autoscaling_goes(sagemaker: SageMaker) -> None:
    deploy(sagemaker, "new", Texts(), keep_count=False)
    assert sagemaker.calls == ["update new"]


def test_autoscaling_is_taken_off_before_the_type_changes(sagemaker: SageMaker) -> None:
    change = deploy(sagemaker, "large", Texts(), keep_count=True)
    assert sagemaker.autoscaling.calls == ["deregister"]
    assert sagemaker.calls == ["update large"]
    assert change.released == wanted(max_instances=4, cpu_percent=60)


def test_a_try_that_died_in_between_still_knows_what_it_took_off(sagemaker: SageMaker) -> None:
    journal = Texts()
    update, sagemaker.update_endpoint = sagemaker.update_endpoint, _dies  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        deploy(sagemaker, "large", journal)
    sagemaker.update_endpoint = update  # type: ignore[method-assign]
    change = deploy(sagemaker, "large", journal)
    assert change.released == wanted(max_instances=4, cpu_percent=60)
    assert deploy(sagemaker, "large", journal) == change


def _dies(**_: Any) -> None:
    raise RuntimeError


def test_a_refused_update_leaves_the_endpoint_scaled(sagemaker: SageMaker) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ResourceLimitExceeded", "Message": "quota"}}, "UpdateEndpoint")

    sagemaker.update_endpoint = refuse  # type: ignore[method-assign]
    with pytest.raises(ClientError, match="quota"):
        deploy(sagemaker, "large", Texts())
    assert scaling.registered(sagemaker.autoscaling, NAME) == wanted(max_instances=4, cpu_percent=60)


def test_what_was_taken_off_is_put_on_again_with_the_old_config(sagemaker: SageMaker) -> None:
    change = deploy(sagemaker, "large", Texts())
    said = restore(
        sagemaker, NAME, "old", own="large", autoscaling=sagemaker.autoscaling, released=change.released, poll=0
    )
    assert said == "restored old"
    assert scaling.registered(sagemaker.autoscaling, NAME) == wanted(max_instances=4, cpu_percent=60)


def test_a_rollback_to_another_type_takes_autoscaling_along(sagemaker: SageMaker) -> None:
    assert restore(sagemaker, NAME, "large", own="old", autoscaling=sagemaker.autoscaling, poll=0) == "restored large"
    assert sagemaker.autoscaling.calls[:2] == ["deregister", "register 1-4"]


@pytest.mark.parametrize(("count", "first"), [(1, 2), (3, 3), (9, 4)])
def test_a_config_starts_within_the_bounds(count: int, first: int) -> None:
    bounds = {"min_instances": 2, "max_instances": 4, "invocations_per_instance": 1}
    model = REQUEST.model.model_dump() | {"serving": {"instance_count": count, "autoscaling": bounds}}
    request = DeploymentRequest.model_validate(REQUEST.model_dump() | {"model": model})
    assert request.model.serving.initial_instance_count == first
