"""Log events of a CloudWatch subscription: decoded, written to S3, and their metrics sent to Wavefront.

A line that is a JSON object with a `metrics` object (`{"metrics": {"drift": 0.2}}`) carries model metrics.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from modelway.errors import UserError

# Wavefront's limits: https://docs.wavefront.com/wavefront_data_format.html
METRIC_CHARACTERS = re.compile(r"[^A-Za-z0-9._/-]")
SOURCE_MAXIMUM = 128
NAME_MAXIMUM = 245  # of 256, for the prefix that wavefront_line adds


class NotASubscription(UserError):
    """Raised when an event is not what CloudWatch Logs sends to a subscriber."""


class LogBatch(NamedTuple):
    """One delivery: `events` have id, timestamp (milliseconds since 1970) and message."""

    group: str
    stream: str
    events: list[dict[str, Any]]


class Point(NamedTuple):
    """One measurement; `seconds` since 1970."""

    metric: str
    value: float
    seconds: int
    source: str


class Forwarded(NamedTuple):
    """How many lines were archived, and how many metrics in them were dropped since they cannot be read."""

    lines: int
    dropped: int


class Archive(Protocol):
    """Where the lines are kept."""

    def put(self, key: str, body: bytes) -> None: ...


class Metrics(Protocol):
    """Where the metrics go. Raises PlatformError when they were not taken."""

    def send(self, lines: list[str]) -> None: ...


def decode(event: Mapping[str, Any]) -> LogBatch | None:
    """The batch of a subscription's event; None for CloudWatch's control messages. Raises NotASubscription."""
    try:
        document = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"], validate=True)))
        if document["messageType"] == "CONTROL_MESSAGE":
            return None
        events = [{key: entry[key] for key in ("id", "timestamp", "message")} for entry in document["logEvents"]]
        return LogBatch(document["logGroup"], document["logStream"], events)
    except (KeyError, TypeError, ValueError, OSError, EOFError, binascii.Error) as error:
        raise NotASubscription(f"the event is not a CloudWatch Logs subscription's: {error!r}") from error


def archive_key(batch: LogBatch) -> str:
    """Key of the batch: the same delivery twice is the same object."""
    first = batch.events[0]
    at = datetime.fromtimestamp(first["timestamp"] / 1000, UTC)
    group = batch.group.strip("/")
    return f"{group}/{at:%Y/%m/%d/%H}/{first['id']}-{len(batch.events)}.jsonl.gz"


def archive_body(batch: LogBatch) -> bytes:
    """Gzipped JSON lines: timestamp, stream, message."""
    lines = [
        json.dumps({"timestamp": entry["timestamp"], "stream": batch.stream, "message": entry["message"]})
        for entry in batch.events
    ]
    return gzip.compress("\n".join([*lines, ""]).encode(), mtime=0)


def points(batch: LogBatch) -> Iterator[Point | None]:
    """The metrics in the batch's lines, and None for each that is dropped: no finite number, or JSON too deep to read.

    Texts, true and false are no metrics and are passed over, as lines without metrics are.
    """
    source = batch.group.rsplit("/", 1)[-1][:SOURCE_MAXIMUM]
    for entry in batch.events:
        for name, value in _metrics(entry["message"]):
            point = Point(name, value, entry["timestamp"] // 1000, source)
            yield point if math.isfinite(value) and len(name) <= NAME_MAXIMUM else None


def _metrics(line: str) -> Iterator[tuple[str, float]]:
    """Names and numbers of one line, which a model wrote as it liked; infinity for a number that cannot be read."""
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        return
    except (ValueError, RecursionError):  # more digits than Python converts; more brackets than it follows
        yield "", math.inf
        return
    metrics = document.get("metrics") if isinstance(document, dict) else None
    for name, value in metrics.items() if isinstance(metrics, dict) else ():
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                yield name, float(value)
            except OverflowError:
                yield name, math.inf


def wavefront_line(point: Point) -> str:
    """The point in Wavefront's own format."""
    metric = METRIC_CHARACTERS.sub("_", f"modelway.{point.metric}")
    return f'"{metric}" {point.value:.10g} {point.seconds} source="{METRIC_CHARACTERS.sub("_", point.source)}"'


def forward(event: Mapping[str, Any], archive: Archive, metrics: Metrics | None) -> Forwarded:
    """Archive the lines, then send the metrics. A failure of either raises, so that Lambda repeats it; a line never."""
    batch = decode(event)
    if batch is None or not batch.events:
        return Forwarded(0, 0)
    archive.put(archive_key(batch), archive_body(batch))
    read = list(points(batch))
    lines = [wavefront_line(point) for point in read if point is not None]
    if metrics is not None and lines:
        metrics.send(lines)
    return Forwarded(len(batch.events), read.count(None))
