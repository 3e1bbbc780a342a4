"""Announce once, lose nothing: a message waits in S3 until each channel has taken it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pydantic import ValidationError

from modelway.notifications.message import Message

LOG = logging.getLogger(__name__)
SENT = "sent"
# As many messages that fail one after the other say that the channel is down, one that it is the message.
FAILURES = 2
# Longer than any channel takes to answer or time out.
CLAIM_LASTS = timedelta(minutes=5)


class MessageRefused(Exception):
    """Raised by a channel that will never take this message, however often it is sent."""


class Channel(Protocol):
    """Somewhere people read. `send` raises when the message was not taken: MessageRefused if it never will be."""

    def send(self, message: Message) -> None: ...


class Store(Protocol):
    """Small texts by key."""

    def put(self, key: str, text: str) -> None: ...
    def get(self, key: str) -> str | None: ...
    def keys(self, prefix: str) -> list[str]: ...
    def delete(self, key: str) -> None: ...
    def put_new(self, key: str, text: str) -> bool:
        """False when the key exists already."""
        ...


def announce(message: Message, run: str, channels: Mapping[str, Channel], store: Store) -> bool:
    """Send `message` once for this run and kind; True when nothing waits any more.

    Written to `undelivered/<channel>/` before the marker, so that a crash between repeats rather than loses.
    What other runs left undelivered is tried again. A channel that is down is logged, never raised. A message that a
    channel refuses for ever is kept in `refused/<channel>/`, and those after it are sent.
    """
    marker = f"announced/{run}/{message.kind}.json"
    if store.get(marker) is None:
        for name in channels:
            store.put(f"undelivered/{name}/{run}-{message.kind}.json", message.model_dump_json())
        store.put_new(marker, message.model_dump_json())
    waiting = [name for name, channel in channels.items() if not _drain(name, channel, store, run)]
    return not waiting


def _drain(name: str, channel: Channel, store: Store, run: str) -> bool:
    empty, failures = True, 0
    for key in store.keys(f"undelivered/{name}/"):
        message = _read(key, store)
        if message is None:
            continue
        claim = _claim(key, store, run)
        if claim is None:
            empty = False  # another run's announcement is sending it
            continue
        try:
            if store.get(claim) != SENT:
                channel.send(message)
        except MessageRefused as error:
            LOG.error("channel %s refuses %s for ever: %s", name, key, error)
            store.put(f"refused/{key.removeprefix('undelivered/')}", message.model_dump_json())
        except Exception as error:  # noqa: BLE001 - any fault of a channel: the message waits for the next time
            LOG.warning("channel %s did not take %s (%s); it stays undelivered", name, key, type(error).__name__)
            store.delete(claim)
            empty, failures = False, failures + 1
            if failures == FAILURES:
                return False
            continue
        store.put(claim, SENT)
        store.delete(key)
    return empty


def _claim(key: str, store: Store, run: str) -> str | None:
    """The claim under which `run` may send a message; None while another run is sending it.

    A claim that was abandoned is followed by the next in number, which again only one can make. Abandoned is one of the
    same run, whose earlier try has died, and one that is older than any sending.
    """
    now = datetime.now(UTC)
    for number in itertools.count(1):
        claim = f"claimed/{key}/{number}"
        if store.put_new(claim, f"{now.isoformat()} {run}"):
            return claim
        found = store.get(claim) or ""
        if found == SENT:
            return claim
        since, _, owner = found.partition(" ")
        if not found or (owner != run and now - datetime.fromisoformat(since) < CLAIM_LASTS):
            return None
    raise AssertionError("there is always a next number")


def _read(key: str, store: Store) -> Message | None:
    """None when another announcement has delivered it meanwhile, or another version of the platform wrote it."""
    text = store.get(key)
    try:
        return None if text is None else Message.model_validate_json(text)
    except ValidationError:
        LOG.warning("%s is not a message that this version can read; it is left there", key)
        return None
