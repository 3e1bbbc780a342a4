"""Which retraining number a training has: reserved by a create-only write, so that two never get the same one.

S3 refuses a conditional write to a key that exists, and answers 409 to one of two at the same moment.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

from typing import Protocol

from modelway.errors import PlatformError
from modelway.versioning import locations

TRIES = 1000


class Store(Protocol):
    """Small texts by key; `outbox.Store` is one."""

    def put(self, key: str, text: str) -> None: ...
    def get(self, key: str) -> str | None: ...
    def put_new(self, key: str, text: str) -> bool: ...


def reserve(store: Store, model: str, image_version: str, content: str) -> int:
    """The number of the training whose content has this hash: the one it has already, else the next that is free.

    What it is about to take is written first, so that a try after one that died goes on where that one stopped, and
    finds its number. Raises PlatformError after many numbers that others took.
    """
    about = locations.reserving_key(model, image_version, content)
    last = locations.last_reservation_key(model, image_version)
    known, taken = store.get(about), store.get(last)
    number = int(known) if known is not None else 0 if taken is None else int(taken) + 1
    for _ in range(TRIES):
        store.put(about, str(number))
        key = locations.reservation_key(model, image_version, number)
        if store.put_new(key, content):
            store.put(last, str(number))
            return number
        holder = store.get(key)
        if holder == content:
            return number
        if holder is not None:  # else another is writing it at this moment: ask again
            number += 1
    raise PlatformError(f"{model} {image_version}: no retraining number was free in {TRIES} tries", fix="run it again")
