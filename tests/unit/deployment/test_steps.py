"""The steps of `deploy`: a deployment that does not verify puts back what was live and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from modelway.contracts import Image
from modelway.deployment import steps
from modelway.deployment.endpoint import NotVerified
from modelway.lineage.statement import NotOurs, sealed, statement
from modelway.platform import Platform
from modelway.sagemaker.registry import NameTaken
from modelway.versioning import locations, names
from tests.unit.deployment.fake_sagemaker import REQUEST, TRAINED, Key, Runtime, SageMaker, Texts

CONF = REQUEST.model_dump(mode="json")
PLATFORM = Platform(
    data_bucket="d",
    artifacts_bucket="a",
    job_role_arn="r",
    endpoint_role_arn="e",
    signing_key_id="k",
    sns_topic_arn="t",
    poll_seconds=0.01,
)
CONFIG = names.endpoint_config_name("modelway", REQUEST)
MODEL_ERROR = ClientError({"Error": {"Code": "ModelError", "Message": "it raised"}}, "InvokeEndpoint")


class Account:
    """What the steps reach: SageMaker, its runtime, the bucket."""

    def __init__(self) -> None:
        self.sagemaker, self.runtime, self.bucket = SageMaker(), Runtime(), Texts()
        self.sign(REQUEST.image, Key())
        self.bucket.put(locations.request_key(TRAINED), TRAINED.model_dump_json())
        examples = {"request": REQUEST.request_example, "response": REQUEST.response_example}
        self.bucket.put(locations.examples_key("fraud-detector", REQUEST.image.digest), json.dumps(examples))

    def sign(self, image: Image, key: Key, model: str = "fraud-detector") -> None:
        """Put the statement of `image` to where the statement of REQUEST's image is read."""
        envelope = sealed(statement(PLATFORM, model, image, TRAINED.provenance, []), key, "k")
        self.bucket.put(locations.statement_key("fraud-detector", REQUEST.image.digest), envelope)

    def client(self, service: str) -> Any:
        known = {"sagemaker": self.sagemaker, "sagemaker-runtime": self.runtime}
        return {**known, "application-autoscaling": self.sagemaker.autoscaling}[service]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    for name, value in PLATFORM.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(steps.boto3, "client", made.client)
    monkeypatch.setattr(steps, "platform_store", lambda _: made.bucket)
    monkeypatch.setattr(steps, "platform_key", lambda _: Key())
    return made


def test_a_first_deployment_leaves_its_record(account: Account) -> None:
    change = steps.change_endpoint(CONF)
    assert change == {
        "endpoint": "modelway-fraud-detector",
        "config": CONFIG,
        "action": "created",
        "previous": None,
        "released": None,
        "approved_by": "ada",
    }
    record = steps.prove_endpoint(CONF, change)
    assert record["verified"]
    assert (record["approved_by"], record["model_package_arn"]) == ("ada", REQUEST.model_package_arn)
    assert f"records/fraud-detector/deployments/{CONFIG}.json" in account.bucket.texts


def _unsigned(account: Account) -> None:
    account.bucket.delete(locations.statement_key("fraud-detector", REQUEST.image.digest))


def _signed_by_another_key(account: Account) -> None:
    account.sign(REQUEST.image, Key(b"theirs"))


def _signed_for_another_image(account: Account) -> None:
    account.sign(REQUEST.image.model_copy(update={"digest": "sha256:" + "c" * 64}), Key())


def _signed_for_another_model(account: Account) -> None:
    account.sign(REQUEST.image, Key(), "demand")


def _signed_for_another_version(account: Account) -> None:
    account.sign(REQUEST.image.model_copy(update={"version": "2.0.0"}), Key())


@pytest.mark.parametrize(
    "statement_of",
    [
        _unsigned,
        _signed_by_another_key,
        _signed_for_another_image,
        _signed_for_another_model,
        _signed_for_another_version,
    ],
)
@pytest.mark.attack(
    attacker="holder of a role",
    tries="pushes an image past the pipeline and deploys it by an approved package",
    stopped_by="no endpoint gets an image whose origin this platform did not sign",
)
def test_an_image_that_this_platform_did_not_build_is_not_served(
    account: Account, statement_of: Callable[[Account], None]
) -> None:
    statement_of(account)
    with pytest.raises(NotOurs):
        steps.change_endpoint(CONF)
    assert (account.sagemaker.configs, account.sagemaker.calls) == ([], [])


@pytest.mark.parametrize(
    "error", [MODEL_ERROR, ReadTimeoutError(endpoint_url="http://e"), None], ids=["raises", "hangs", "wrong-shape"]
)
def test_what_does_not_verify_is_taken_back(account: Account, error: Exception | None) -> None:
    account.sagemaker.live = {"EndpointStatus": "InService", "EndpointConfigName": "old"}
    account.runtime = Runtime(body="{}")
    account.runtime.error = error
    steps.change_endpoint(CONF)
    again = steps.change_endpoint(CONF)  # the worker died before it could say what was live
    with pytest.raises(NotVerified, match="restored old"):
        steps.prove_endpoint(CONF, again)
    assert account.sagemaker.calls == [f"update {CONFIG}", "update old"]
    assert "restored old" in steps.failure(PLATFORM, REQUEST)
    assert f"fraud-detector/deployments/{CONFIG}.json" not in account.bucket.texts


def test_a_first_deployment_that_fails_says_so_and_does_not_block_the_next(account: Account) -> None:
    account.sagemaker.fails.add(CONFIG)
    with pytest.raises(NotVerified, match="no config was live before"):
        steps.prove_endpoint(CONF, steps.change_endpoint(CONF))
    account.sagemaker.fails.clear()
    assert steps.prove_endpoint(CONF, steps.change_endpoint(CONF))["action"] == "created"


def test_a_first_endpoint_that_answers_wrongly_does_not_stay(account: Account) -> None:
    account.runtime = Runtime(body="{}")
    with pytest.raises(NotVerified, match=r"another shape.*was deleted"):
        steps.prove_endpoint(CONF, steps.change_endpoint(CONF))
    assert account.sagemaker.calls == [f"create {CONFIG}", "delete"]


def test_an_endpoint_that_was_proven_once_is_never_deleted(account: Account) -> None:
    steps.prove_endpoint(CONF, steps.change_endpoint(CONF))
    account.runtime = Runtime(body="{}")
    with pytest.raises(NotVerified, match="left as it is"):
        steps.prove_endpoint(CONF, steps.change_endpoint(CONF))
    assert account.sagemaker.calls == [f"create {CONFIG}"]


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InternalFailure"])
def test_a_fault_of_awss_takes_nothing_back(account: Account, code: str) -> None:
    account.runtime.error = ClientError({"Error": {"Code": code, "Message": ""}}, "InvokeEndpoint")
    change = steps.change_endpoint(CONF)
    with pytest.raises(ClientError):
        steps.prove_endpoint(CONF, change)
    assert account.sagemaker.calls == [f"create {CONFIG}"]
    assert steps.failure(PLATFORM, REQUEST) == ""


def test_a_try_that_died_while_going_back_leaves_its_reason(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.sagemaker.live = {"EndpointStatus": "InService", "EndpointConfigName": "old"}
    account.runtime = Runtime(body="{}")
    change = steps.change_endpoint(CONF)

    def die(*_: Any) -> str:
        account.sagemaker.update_endpoint("e", "old")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(steps, "_go_back", die)
        with pytest.raises(KeyboardInterrupt):
            steps.prove_endpoint(CONF, change)
    with pytest.raises(NotVerified, match=r"another shape.*restored old"):
        steps.prove_endpoint(CONF, change)
    assert account.sagemaker.calls == [f"update {CONFIG}", "update old"]


def test_what_was_replaced_long_ago_does_not_come_back(account: Account) -> None:
    account.sagemaker.live = {"EndpointStatus": "InService", "EndpointConfigName": "old"}
    steps.prove_endpoint(CONF, steps.change_endpoint(CONF))
    again = steps.change_endpoint(CONF)
    assert (again["action"], again["previous"]) == ("unchanged", None)


def test_deploying_what_is_live_keeps_the_way_back(account: Account) -> None:
    account.sagemaker.live = {"EndpointArn": "a", "EndpointStatus": "InService", "EndpointConfigName": "old"}
    steps.prove_endpoint(CONF, steps.change_endpoint(CONF))
    later = REQUEST.model_copy(update={"provenance": REQUEST.provenance.model_copy(update={"pipeline_id": "8"})})
    conf = later.model_dump(mode="json")
    record = steps.prove_endpoint(conf, steps.change_endpoint(conf))
    assert (record["action"], record["previous_endpoint_config_name"]) == ("unchanged", "old")


def test_a_rollback_keeps_the_way_further_back(account: Account) -> None:
    account.sagemaker.live = {"EndpointArn": "a", "EndpointStatus": "InService", "EndpointConfigName": "oldest"}
    steps.prove_endpoint(CONF, steps.change_endpoint(CONF))
    account.sagemaker.live = {"EndpointArn": "a", "EndpointStatus": "InService", "EndpointConfigName": "newer"}
    conf = REQUEST.model_copy(update={"reason": "rollback"}).model_dump(mode="json")
    record = steps.prove_endpoint(conf, steps.change_endpoint(conf))
    assert (record["action"], record["reason"]) == ("updated", "rollback")
    assert record["previous_endpoint_config_name"] == "oldest", "not newer, which was rolled back"


def test_a_rollback_that_does_not_verify_is_taken_back(account: Account) -> None:
    account.sagemaker.live = {"EndpointStatus": "InService", "EndpointConfigName": "newer"}
    account.runtime = Runtime(body="{}")
    conf = REQUEST.model_copy(update={"reason": "rollback"}).model_dump(mode="json")
    with pytest.raises(NotVerified, match="restored newer"):
        steps.prove_endpoint(conf, steps.change_endpoint(conf))


@pytest.mark.attack(
    attacker="holder of a role",
    tries="makes an endpoint config with another model under the name that the next deployment will ask for",
    stopped_by="a config that exists is compared with what was approved, field by field",
)
def test_a_config_of_somebody_else_is_not_served(account: Account) -> None:
    account.sagemaker.foreign_configs[CONFIG] = {
        "EndpointConfigName": CONFIG,
        "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "theirs", "InstanceType": "ml.m5.large"}],
    }
    with pytest.raises(NameTaken, match=f"{CONFIG} exists .*ModelName is 'theirs'"):
        steps.change_endpoint(CONF)
    assert account.sagemaker.calls == []
