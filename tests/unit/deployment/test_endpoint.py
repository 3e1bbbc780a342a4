"""An endpoint is created, updated or left; a retry knows what was live; only the right answer verifies."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.deployment.endpoint import (
    Change,
    NotVerified,
    apply_config,
    restore,
    same_shape,
    verify,
    withdraw,
)
from modelway.errors import PlatformError
from tests.unit.deployment.fake_sagemaker import REQUEST, AutoScaling, Runtime, SageMaker, Texts


def apply(client: SageMaker, config: str = "new", journal: Texts | None = None) -> Change:
    return apply_config(client, "e", config, [], journal or Texts(), "key", autoscaling=AutoScaling())


@pytest.mark.parametrize(
    ("live", "change", "calls"),
    [
        ({}, Change("created", None), ["create new"]),
        ({"EndpointStatus": "InService", "EndpointConfigName": "old"}, Change("updated", "old"), ["update new"]),
        ({"EndpointStatus": "InService", "EndpointConfigName": "new"}, Change("unchanged", None), []),
        ({"EndpointStatus": "Creating", "EndpointConfigName": "new"}, Change("created", None), []),
        (
            {
                "EndpointStatus": "Updating",
                "EndpointConfigName": "old",
                "PendingDeploymentSummary": {"EndpointConfigName": "new"},
            },
            Change("updated", "old"),
            [],
        ),
        (
            {"EndpointStatus": "Failed", "EndpointConfigName": "old"},
            Change("created", None),
            ["delete", "create new"],
        ),
        (
            {"EndpointStatus": "Failed", "EndpointConfigName": "new"},
            Change("created", None),
            ["delete", "create new"],
        ),
    ],
    ids=["none", "other", "same", "coming", "pending", "failed-other", "failed-same"],
)
def test_what_is_asked_depends_on_what_is_live(live: dict[str, Any], change: Change, calls: list[str]) -> None:
    client = SageMaker(**live)
    assert apply(client) == change
    assert client.calls == calls


def test_another_deployment_on_its_way_is_not_disturbed() -> None:
    client = SageMaker(EndpointStatus="Updating", EndpointConfigName="old")
    with pytest.raises(PlatformError, match="another deployment"):
        apply(client)
    assert client.calls == []


def test_a_retry_still_knows_what_was_live_before() -> None:
    client, journal = SageMaker(EndpointStatus="InService", EndpointConfigName="old"), Texts()
    apply(client, journal=journal)
    retried = apply(client, journal=journal)
    assert retried == Change("updated", "old")
    assert client.calls == ["update new"]
    assert restore(client, "e", retried.previous_config, own="new", poll=0, autoscaling=AutoScaling()) == "restored old"


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ({"a": 1}, {"a": 2.5}, True),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ({"a": 1}, {}, False),
        ({"a": 1}, [1], False),
        ([1], [1, 2, 3], True),
        ([1], [1, "x"], False),
        ([1], [], False),
        ([], [], True),
        ([], [1], False),
        ([{"a": "x"}], [{"a": "y"}, {"a": "z"}], True),
        (True, False, True),
        (True, 1, False),
        (1, True, False),
        ("x", "y", True),
        ("x", 1, False),
        (None, None, True),
        (None, 1, False),
    ],
)
def test_same_shape(expected: Any, found: Any, same: bool) -> None:
    assert same_shape(expected, found) is same


def live(**changed: Any) -> SageMaker:
    return SageMaker(**{"EndpointStatus": "InService", "EndpointConfigName": "c", **changed})


def test_the_right_answer_verifies() -> None:
    assert verify(live(), Runtime(), REQUEST, "e", "c") == "arn:endpoint"


def test_the_reason_of_an_update_that_was_taken_back_does_not_hold_against_the_config_that_came_back() -> None:
    assert verify(live(FailureReason="the other config did not ping"), Runtime(), REQUEST, "e", "c") == "arn:endpoint"


@pytest.mark.parametrize(
    ("client", "runtime", "said"),
    [
        (live(EndpointStatus="Failed"), Runtime(), "is Failed with c$"),
        (live(EndpointStatus="Failed", FailureReason="no ping"), Runtime(), "is Failed with c: no ping"),
        (live(EndpointConfigName="old", FailureReason="no ping"), Runtime(), "is InService with old: no ping"),
        (live(EndpointConfigName="old"), Runtime(), "is InService with old"),
        (live(), Runtime(digest="sha256:" + "0" * 64), "does not answer with image"),
        (live(), Runtime(body="<html>"), "did not answer with JSON"),
        (live(), Runtime(body='{"predictions": ["yes"]}'), "another shape"),
    ],
    ids=["status", "reason", "rolled-back", "config", "digest", "not-json", "shape"],
)
def test_anything_else_does_not(client: SageMaker, runtime: Runtime, said: str) -> None:
    with pytest.raises(NotVerified, match=said):
        verify(client, runtime, REQUEST, "e", "c")


def test_restore_says_what_it_did() -> None:
    assert "gone" in restore(SageMaker(), "e", "old", own="c", autoscaling=AutoScaling())
    assert "no config was live before" in restore(live(), "e", None, own="c", autoscaling=AutoScaling())
    already = live(EndpointConfigName="old")
    assert restore(already, "e", "old", own="c", poll=0, autoscaling=AutoScaling()) == "restored old"
    assert already.calls == []
    broken = live()
    broken.fails.add("old")
    assert (
        restore(broken, "e", "old", own="c", poll=0, autoscaling=AutoScaling()) == "old could not be restored: Failed"
    )
    failed = live(EndpointStatus="Failed")
    assert "the next deployment replaces it" in restore(failed, "e", "old", own="c", autoscaling=AutoScaling())
    assert failed.calls == []


def test_what_another_run_made_live_is_not_undone() -> None:
    others = live(EndpointConfigName="newer")
    said = restore(others, "e", "old", own="c", autoscaling=AutoScaling())
    assert said == "newer was made live since, by another run: nothing was restored"
    assert others.calls == []


def test_only_what_serves_wrongly_is_withdrawn() -> None:
    wrong = live()
    assert withdraw(wrong, "e", "c") == "no config was live before, so e was deleted"
    assert wrong.live is None
    for other in (live(EndpointStatus="Failed"), live(EndpointConfigName="newer")):
        assert "is left as it is" in withdraw(other, "e", "c")
        assert other.calls == []
    assert "gone" in withdraw(SageMaker(), "e", "c")
