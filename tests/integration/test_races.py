"""Conditional writes on the gateway: of many at the same moment, one succeeds, whatever moto behind it would do.

Without the gateway's lock about one round in ten had two winners, of 24 threads (measured on two cores, 2026-11-25).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import boto3
import pytest
from modelway_local.stack.layout import Stack

from modelway.aws.store import S3Store
from modelway.pipeline.reservations import reserve
from modelway.platform import Platform
from modelway.sagemaker.steps import keep_model
from modelway.versioning import locations
from tests.unit.sagemaker.test_requests import TRAINING

pytestmark = pytest.mark.integration
T = TypeVar("T")
THREADS = 24
ROUNDS = 30


def at_once(act: Callable[[int], T]) -> list[T]:
    """What each of the threads got, all started at the same moment."""
    start = threading.Barrier(THREADS)

    def waiting(number: int) -> T:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(waiting, range(THREADS)))


@pytest.fixture
def stores(stack: Stack, stack_environment: dict[str, str]) -> list[S3Store]:
    """One for each thread, with connections of its own."""
    bucket = Platform.from_environment().artifacts_bucket
    return [S3Store(boto3.session.Session().client("s3"), bucket) for _ in range(THREADS)]


def test_a_key_is_created_once(stores: list[S3Store]) -> None:
    for turn in range(ROUNDS):
        won = at_once(lambda number, turn=turn: stores[number].put_new(f"races/new/{turn}", str(number)))  # type: ignore[misc]
        assert won.count(True) == 1, turn
        assert stores[0].get(f"races/new/{turn}") == str(won.index(True))


def test_what_was_read_is_replaced_once(stores: list[S3Store]) -> None:
    """On which the lease of an endpoint stands."""
    key = "races/replaced"
    stores[0].put(key, "first")
    for turn in range(ROUNDS):
        current = stores[0].get_tagged(key)
        assert current is not None
        tag = current.tag
        won = at_once(lambda number, turn=turn, tag=tag: stores[number].replace(key, f"{turn} {number}", tag))  # type: ignore[misc]
        assert won.count(True) == 1, turn


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="starts many trainings at once on the real store, so that one takes the version of another",
    stopped_by="S3's create-only write, which the gateway keeps one at a time where moto does not",
)
def test_trainings_at_once_have_numbers_of_their_own(stores: list[S3Store]) -> None:
    numbers = at_once(lambda number: reserve(stores[number], "races", "1.0.0", f"content {number}"))
    assert sorted(numbers) == list(range(THREADS))
    assert at_once(lambda number: reserve(stores[number], "races", "1.0.0", f"content {number}")) == numbers


def test_a_model_is_kept_once(stores: list[S3Store], stack_environment: dict[str, str]) -> None:
    """While another job of the model overwrites what was uploaded, as often as it can."""
    platform = Platform.from_environment()
    uploaded, kept = "races/uploaded/model.tar.gz", locations.model_key(TRAINING)

    def act(number: int) -> Any:
        stores[number].put(uploaded, f"model {number}")
        keep_model(platform, TRAINING, f"s3://{platform.artifacts_bucket}/{uploaded}")
        return stores[number].get(kept)

    seen = at_once(act)
    assert len(set(seen)) == 1
    assert str(seen[0]).startswith("model ")
