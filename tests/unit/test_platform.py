"""The platform's settings come from its variables, and go back to them."""

from __future__ import annotations

import pytest

from modelway.errors import PlatformError
from modelway.platform import Platform

VARIABLES = {
    "MODELWAY_DATA_BUCKET": "data",
    "MODELWAY_ARTIFACTS_BUCKET": "artifacts",
    "MODELWAY_JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/modelway-local-job",
    "MODELWAY_ENDPOINT_ROLE_ARN": "arn:aws:iam::123456789012:role/modelway-local-endpoint",
    "MODELWAY_SIGNING_KEY_ID": "alias/modelway-local-signing",
    "MODELWAY_SNS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:t",
}


def test_what_is_not_set_has_its_default() -> None:
    platform = Platform.from_environment({**VARIABLES, "MODELWAY_POLL_SECONDS": "", "PATH": "/bin"})
    assert (platform.project, platform.environment, platform.poll_seconds) == ("modelway", "local", 30.0)


def test_settings_go_to_variables_and_back() -> None:
    platform = Platform.from_environment({**VARIABLES, "MODELWAY_POLL_SECONDS": "0.5", "MODELWAY_PROJECT": "risk"})
    assert Platform.from_environment(platform.to_environment()) == platform


def test_a_role_may_name_its_model() -> None:
    for role, expected in (("role/jobs", "role/jobs"), ("role/jobs-{model}", "role/jobs-fraud")):
        roles = {"MODELWAY_JOB_ROLE_ARN": role, "MODELWAY_ENDPOINT_ROLE_ARN": f"endpoint-{role}"}
        platform = Platform.from_environment({**VARIABLES, **roles})
        assert platform.job_role_of("fraud") == expected
        assert platform.endpoint_role_of("fraud") == f"endpoint-{expected}"


def test_no_model_reaches_the_internet_unless_it_is_listed() -> None:
    assert not Platform.from_environment(VARIABLES).may_reach_internet("fraud")
    platform = Platform.from_environment({**VARIABLES, "MODELWAY_INTERNET_MODELS": "demand, fraud"})
    assert platform.may_reach_internet("fraud")
    assert not platform.may_reach_internet("frau")


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(PlatformError) as caught:
        Platform.from_environment({})
    assert all(f"{name}: field required" in caught.value.message for name in VARIABLES)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PROJECT", "Risk"), ("ENVIRONMENT", "prod-1"), ("POLL_SECONDS", "0"), ("POLL_SECONDS", "inf")],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(PlatformError, match=f"MODELWAY_{name}: "):
        Platform.from_environment({**VARIABLES, f"MODELWAY_{name}": value})


def test_the_process_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert Platform.from_environment().data_bucket == "data"


@pytest.mark.parametrize(
    ("value", "dags"), [("a, b,", {"a", "b"}), (" ,", set()), ("train_evaluate", {"train_evaluate"})]
)
def test_the_allow_list_is_a_set(value: str, dags: set[str]) -> None:
    assert Platform.from_environment({**VARIABLES, "MODELWAY_ALLOWED_DAGS": value}).dags == dags
