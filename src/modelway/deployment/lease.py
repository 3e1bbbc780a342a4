"""One deployment of an endpoint at a time: who has the lease may change it, everyone else waits.

A lease is one small document per model. It is created when there is none, and replaced only by somebody who has read
what is there: both are conditional writes, so of two who ask at the same moment one gets it.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

An owner that dies cannot give its lease back; it ends by itself. Whoever has it renews it before each step, and stops
as soon as somebody else has it: then the endpoint is no longer theirs to change or to restore.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from modelway.aws.store import Tagged
from modelway.contracts.base import Document
from modelway.errors import UserError

# Longer than any one step of a deployment takes, as each renews it.
LASTS = timedelta(hours=1)
# Two who write at the same moment may both be told so (409): the second read finds who was first.
TRIES = 5


class Store(Protocol):
    """Small texts by key, with conditional writes; `S3Store` is one."""

    def get_tagged(self, key: str) -> Tagged | None: ...
    def put_new(self, key: str, text: str) -> bool: ...
    def replace(self, key: str, text: str, tag: str) -> bool:
        """False when what is there is no longer what was read under this ETag."""
        ...


class Lease(Document):
    """Who may change the endpoint, and until when (UTC)."""

    owner: str
    until: datetime


class LeaseHeld(UserError):
    """Another run is deploying to this endpoint."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(
            f"{lease.owner} is changing this endpoint, at most until {lease.until:%Y-%m-%d %H:%M} UTC",
            fix="wait until it has ended; a run that died gives way at that time",
        )


def take(store: Store, key: str, owner: str, now: datetime) -> None:
    """Get or renew the lease for LASTS from `now` (UTC). Raises LeaseHeld when another owner's has not ended."""
    wanted = Lease(owner=owner, until=now + LASTS)
    for _ in range(TRIES):
        current = store.get_tagged(key)
        if current is None:
            written = store.put_new(key, wanted.model_dump_json())
        else:
            lease = Lease.model_validate_json(current.text)
            if lease.owner != owner and lease.until > now:
                raise LeaseHeld(lease)
            written = store.replace(key, wanted.model_dump_json(), current.tag)
        if written:
            return
    raise LeaseHeld(Lease(owner="another run", until=wanted.until))


def give_back(store: Store, key: str, owner: str, now: datetime) -> None:
    """End the lease, if it is this owner's; anyone else's stays as it is."""
    current = store.get_tagged(key)
    if current is not None and Lease.model_validate_json(current.text).owner == owner:
        store.replace(key, Lease(owner=owner, until=now).model_dump_json(), current.tag)
