"""A job's log: on disk at once, in CloudWatch when it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from modelway_local.sagemaker import logs
from modelway_local.sagemaker.logs import JobLog


class Logs:
    """Stands for the CloudWatch client; `down` makes every call fail."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.sent: list[str] = []

    def _call(self, **request: Any) -> None:
        if self.down:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
        self.sent += [event["message"] for event in request.get("logEvents", [])]

    create_log_group = create_log_stream = put_log_events = _call


@pytest.mark.parametrize("down", [False, True])
def test_lines_are_kept_whatever_becomes_of_cloudwatch(tmp_path: Path, down: bool) -> None:
    client = Logs(down=down)
    log = JobLog(client, "group", "stream", tmp_path / "job" / "log")
    for text in ("one", "", "two"):
        log.line(text)
    assert (tmp_path / "job" / "log").read_text() == "one\n\ntwo\n"
    log.close()
    assert list(log.lines) == ["one", "", "two"]
    assert client.sent == ([] if down else ["one", " ", "two"])


def test_a_second_run_adds_to_the_file(tmp_path: Path) -> None:
    for text in ("first", "second"):
        log = JobLog(Logs(), "group", "stream", tmp_path / "log")
        log.line(text)
        log.close()
    assert (tmp_path / "log").read_text() == "first\nsecond\n"


def test_a_job_that_prints_for_hours_fills_neither_memory_nor_cloudwatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "SENT_MAXIMUM_BYTES", 1000)
    client = Logs()
    log = JobLog(client, "group", "stream", tmp_path / "log")
    for number in range(5000):
        log.line(f"step {number}")
    log.close()
    assert list(log.lines) == [f"step {number}" for number in range(4900, 5000)]
    assert client.sent[0] == "step 0"
    assert client.sent[-1] == f"the rest of this log is in {tmp_path / 'log'} only"
    assert sum(len(text) for text in client.sent) < 1200
    assert len((tmp_path / "log").read_text().splitlines()) == 5000
