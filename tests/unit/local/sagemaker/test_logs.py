"""A job's log: on disk at once, in CloudWatch when it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
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
    assert log.lines == ["one", "", "two"]
    assert client.sent == ([] if down else ["one", " ", "two"])


def test_a_second_run_adds_to_the_file(tmp_path: Path) -> None:
    for text in ("first", "second"):
        log = JobLog(Logs(), "group", "stream", tmp_path / "log")
        log.line(text)
        log.close()
    assert (tmp_path / "log").read_text() == "first\nsecond\n"
