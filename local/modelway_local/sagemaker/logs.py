"""What a job prints: into CloudWatch Logs, and a file on disk that `modelway logs` reads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

FLUSH_SECONDS = 0.5
BATCH = 500
# Of a job that prints for hours these lines stay in memory, and so many bytes go to CloudWatch, which keeps them there
KEPT_LINES = 100
SENT_MAXIMUM_BYTES = 32 * 1024 * 1024


class JobLog:
    """Lines of one job. `line` may be called from any thread; `close` sends what is left.

    `lines` are the last ones; the file has them all.
    """

    def __init__(self, client: Any, group: str, stream: str, path: Path) -> None:
        self._client, self._group, self._stream = client, group, stream
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a", encoding="utf-8")
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._sent = time.monotonic()
        self._left = SENT_MAXIMUM_BYTES
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        for create, arguments in (
            (client.create_log_group, {"logGroupName": group}),
            (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            with contextlib.suppress(BotoCoreError, ClientError):
                create(**arguments)

    def line(self, text: str) -> None:
        """Keep one line; it reaches CloudWatch within about half a second."""
        with self._lock:
            self.lines.append(text)
            self._file.write(f"{text}\n")
            self._file.flush()
            self._wait(text)
            due = len(self._waiting) >= BATCH or time.monotonic() - self._sent > FLUSH_SECONDS
        if due:
            self._flush()

    def _wait(self, text: str) -> None:
        if self._left <= 0:
            return
        self._left -= len(text) + 1
        message = text or " "
        if self._left <= 0:
            message = f"the rest of this log is in {self._path} only"
        self._waiting.append({"timestamp": int(time.time() * 1000), "message": message})

    def _flush(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
            self._sent = time.monotonic()
        if batch:
            # A job outlives its log service: the lines stay in the file, and the container's output is still read.
            with contextlib.suppress(BotoCoreError, ClientError):
                self._client.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=batch)

    def close(self) -> None:
        """Send what is left and close the file."""
        self._flush()
        self._file.close()
