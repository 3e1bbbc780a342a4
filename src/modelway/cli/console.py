"""What people see: live progress on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import threading
import time

from modelway.errors import ModelwayError

TICK_SECONDS = 0.2


class Console:
    """Stages with their seconds, on standard error; standard output is left for results.

    On a terminal the running stage is one line that is kept up to date; elsewhere each stage is a line at its end.
    """

    def __init__(self, *, live: bool | None = None) -> None:
        self._live = sys.stderr.isatty() if live is None else live
        self._stage = ""
        self._detail = ""
        self._started = 0.0
        self._ticking = threading.Event()
        self._lock = threading.Lock()

    def begin(self, stage: str) -> None:
        """A stage starts."""
        self._stage, self._detail, self._started = stage, "", time.monotonic()
        if self._live:
            self._ticking = threading.Event()
            threading.Thread(target=self._tick, args=(self._ticking,), daemon=True).start()

    def step(self, text: str) -> None:
        """Something happened within the stage."""
        self._detail = text
        if self._live:
            self._draw()

    def end(self, stage: str, seconds: float, outcome: str) -> None:
        """The stage ended well."""
        self._settle(f"  ✓ {stage:<16} {seconds:6.1f} s  {outcome}")

    def fail(self, error: ModelwayError) -> None:
        """The stage ended badly."""
        where = f"  ✗ {self._stage:<16} {time.monotonic() - self._started:6.1f} s" if self._stage else ""
        self._settle(where)
        print(f"error: {error}", file=sys.stderr)

    def say(self, text: str = "") -> None:
        """A line of its own."""
        self._settle(text)

    def _settle(self, line: str) -> None:
        self._ticking.set()
        with self._lock:
            clear = "\r\x1b[K" if self._live else ""
            sys.stderr.write(f"{clear}{line}\n" if line or not self._live else clear)
            sys.stderr.flush()

    def _tick(self, stop: threading.Event) -> None:
        while not stop.wait(TICK_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            if not self._ticking.is_set():
                seconds = time.monotonic() - self._started
                sys.stderr.write(f"\r\x1b[K  … {self._stage:<16} {seconds:6.1f} s  {self._detail[:80]}")
                sys.stderr.flush()
