"""From a subscription's event to lines in S3 and points in Wavefront."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.errors import PlatformError
from modelway.log_forwarding import NotASubscription, forward
from tests.unit.hostile import TEXT


def event(*messages: str, kind: str = "DATA_MESSAGE") -> dict[str, Any]:
    events = [{"id": f"id{n}", "timestamp": 1_700_000_000_000 + n, "message": text} for n, text in enumerate(messages)]
    group = "/aws/sagemaker/Endpoints/modelway-fraud"
    document = {"messageType": kind, "logGroup": group, "logStream": "AllTraffic/i-1", "logEvents": events}
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()}}


class Archive:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body


class Metrics:
    def __init__(self, fails: bool = False) -> None:
        self.lines: list[str] = []
        self.fails = fails

    def send(self, lines: list[str]) -> None:
        if self.fails:
            raise PlatformError("down")
        self.lines += lines


def test_lines_are_archived_by_group_and_hour() -> None:
    archive = Archive()
    assert forward(event("hello", "world"), archive, None).lines == 2
    ((key, body),) = archive.objects.items()
    assert key == "aws/sagemaker/Endpoints/modelway-fraud/2023/11/14/22/id0-2.jsonl.gz"
    lines = [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]
    assert [line["message"] for line in lines] == ["hello", "world"]


def test_a_repeated_delivery_is_the_same_object() -> None:
    first, second = Archive(), Archive()
    forward(event("x"), first, None)
    forward(event("x"), second, None)
    assert first.objects == second.objects


def test_numbers_that_a_model_logs_become_points() -> None:
    metrics = Metrics()
    line = json.dumps({"metrics": {"drift score": 0.25, "ok": True, "name": "x", "nan": float("nan")}})
    forward(event("plain", line, "[1]", '{"metrics": 3}'), Archive(), metrics)
    assert metrics.lines == ['"modelway.drift_score" 0.25 1700000000 source="modelway-fraud"']


@pytest.mark.attack(
    attacker="code of a model",
    tries="a log line that cannot be read, so that its whole batch fails for ever",
    stopped_by="the line is archived, its metric dropped and counted, and the others are sent",
)
@pytest.mark.parametrize(
    ("line", "dropped"),
    [
        ('{"metrics": {"n": 1%s}}' % ("0" * 400), 1),
        ('{"metrics": {"n": 1%s}}' % ("0" * 5000), 1),
        ('{"metrics": {"n": 1e400, "m": -1e400, "o": NaN}}', 3),
        ("[" * 100_000, 1),
        ('{"metrics":' * 50_000, 1),
        ('{"metrics": {"%s": 1}}' % ("n" * 300), 1),
        ('{"metrics": {"\\ud800": 1e308, "x": "1e400"}}', 0),
        ("\x00\ud800", 0),
    ],
    ids=["400 digits", "5000 digits", "1e400", "brackets", "braces", "long name", "surrogate", "signs"],
)
def test_no_line_costs_its_batch(line: str, dropped: int) -> None:
    archive, metrics = Archive(), Metrics()
    assert forward(event(line, '{"metrics": {"drift": 0.5}}'), archive, metrics) == (2, dropped)
    assert metrics.lines[-1].startswith('"modelway.drift" 0.5 ')
    ((_, body),) = archive.objects.items()
    assert json.loads(gzip.decompress(body).decode().splitlines()[0])["message"] == line


@given(
    st.one_of(
        TEXT, st.recursive(st.floats() | st.integers(), lambda inner: st.dictionaries(TEXT, inner)).map(json.dumps)
    )
)
def test_no_line_raises(line: str) -> None:
    assert forward(event(line, f'{{"metrics": {line}}}'), Archive(), Metrics()).lines == 2


def test_a_failure_of_wavefront_is_raised_after_the_lines_are_kept() -> None:
    archive = Archive()
    with pytest.raises(PlatformError):
        forward(event('{"metrics": {"drift": 1}}'), archive, Metrics(fails=True))
    assert archive.objects


def test_control_messages_leave_nothing() -> None:
    archive = Archive()
    assert forward(event("check", kind="CONTROL_MESSAGE"), archive, None) == (0, 0)
    assert not archive.objects


@pytest.mark.parametrize("wrong", [{}, {"awslogs": {"data": "%%"}}, {"awslogs": {"data": "aGk="}}, {"awslogs": None}])
def test_another_event_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(NotASubscription):
        forward(wrong, Archive(), None)
