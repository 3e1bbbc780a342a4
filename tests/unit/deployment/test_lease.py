"""One deployment of an endpoint at a time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from modelway.aws.store import S3Store, Tagged
from modelway.deployment import lease
from modelway.deployment.lease import LeaseHeld

KEY, NOON = "records/fraud/lease.json", datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + lease.LASTS + timedelta(seconds=1)


class MemoryStore:
    """Conditional writes as S3's, in memory; the ETag is a counter."""

    def __init__(self) -> None:
        self._texts: dict[str, Tagged] = {}
        self._writes = 0
        self._lock = threading.Lock()

    def _put(self, key: str, text: str) -> bool:
        self._writes += 1
        self._texts[key] = Tagged(text, str(self._writes))
        return True

    def get_tagged(self, key: str) -> Tagged | None:
        return self._texts.get(key)

    def put_new(self, key: str, text: str) -> bool:
        with self._lock:
            return key not in self._texts and self._put(key, text)

    def replace(self, key: str, text: str, tag: str) -> bool:
        with self._lock:
            return key in self._texts and self._texts[key].tag == tag and self._put(key, text)


def s3_store() -> S3Store:
    client = boto3.client("s3")
    client.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return S3Store(client, "artifacts")


def test_the_second_waits_for_the_first() -> None:
    store = MemoryStore()
    lease.take(store, KEY, "deploy-a", NOON)
    with pytest.raises(LeaseHeld, match=r"deploy-a is changing this endpoint, at most until 2026-03-01 13:00 UTC"):
        lease.take(store, KEY, "deploy-b", NOON)
    lease.give_back(store, KEY, "deploy-a", NOON)
    lease.take(store, KEY, "deploy-b", NOON)


def test_a_try_after_one_that_died_has_it_still() -> None:
    store = MemoryStore()
    lease.take(store, KEY, "deploy-a", NOON)
    lease.take(store, KEY, "deploy-a", NOON + timedelta(minutes=50))
    with pytest.raises(LeaseHeld, match="13:50"):
        lease.take(store, KEY, "deploy-b", NOON + timedelta(minutes=70))


def test_an_owner_that_died_for_good_gives_way_and_stops_if_it_comes_back() -> None:
    store = MemoryStore()
    lease.take(store, KEY, "deploy-a", NOON)
    lease.take(store, KEY, "deploy-b", LATER)
    with pytest.raises(LeaseHeld, match="deploy-b"):
        lease.take(store, KEY, "deploy-a", LATER)


def test_nobody_gives_back_what_is_anothers() -> None:
    store = MemoryStore()
    lease.take(store, KEY, "deploy-a", NOON)
    lease.give_back(store, KEY, "deploy-b", NOON)
    with pytest.raises(LeaseHeld, match="deploy-a"):
        lease.take(store, KEY, "deploy-b", NOON)


@pytest.mark.parametrize("expired", [False, True], ids=["free", "expired"])
@mock_aws
def test_of_many_who_ask_at_once_one_gets_it(expired: bool) -> None:
    for store in (MemoryStore(), s3_store()):
        if expired:
            lease.take(store, KEY, "deploy-old", NOON - 2 * lease.LASTS)
        start = threading.Barrier(8)

        def ask(owner: str, store: lease.Store = store, start: threading.Barrier = start) -> str | None:
            start.wait()
            try:
                lease.take(store, KEY, owner, NOON)
            except LeaseHeld:
                return None
            return owner

        with ThreadPoolExecutor(8) as threads:
            owners = [owner for owner in threads.map(ask, [f"deploy-{number}" for number in range(8)]) if owner]
        current = store.get_tagged(KEY)
        assert current is not None
        assert owners == [lease.Lease.model_validate_json(current.text).owner]
