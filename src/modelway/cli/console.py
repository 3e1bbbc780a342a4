"""What people see: live progress on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import threading
import time
import unicodedata
from typing import Any, TextIO

from modelway.errors import ModelwayError

TICK_SECONDS = 0.2
# Signs by which text changes the order in which other text is shown (https://www.unicode.org/reports/tr9/).
BIDIRECTIONAL = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """The text with each sign that a terminal would obey written out as JSON does (`\\u001b`); tab and line break stay.

    What a model printed, raised or was named is shown, and moves no cursor, sets no title and hides no line.
    """
    return "".join(
        f"\\u{ord(sign):04x}"
        if sign in BIDIRECTIONAL or (unicodedata.category(sign) == "Cc" and sign not in "\t\n")
        else sign
        for sign in text.replace("\r\n", "\n")
    )


class Inert:
    """A standard stream that passes on what is `printable`; it says that it is no terminal, so nothing is coloured."""

    def __init__(self, stream: TextIO) -> None:
        self.terminal = stream

    def write(self, text: str) -> int:
        """Write what is printable of the text."""
        self.terminal.write(printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        """False."""
        return False

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would pass by
            raise AttributeError(name)
        return getattr(self.terminal, name)


def make_output_inert() -> None:
    """From here on nothing that this process prints is obeyed by the terminal, but for Console's own line."""
    for name in ("stdout", "stderr"):
        if not isinstance(getattr(sys, name), Inert):
            setattr(sys, name, Inert(getattr(sys, name)))


def _terminal() -> TextIO:
    """Standard error as the terminal has it."""
    stream: TextIO = getattr(sys.stderr, "terminal", sys.stderr)
    return stream


class Console:
    """Stages with their seconds, on standard error; standard output is left for results.

    On a terminal the running stage is one line that is kept up to date; elsewhere each stage is a line at its end.
    """

    def __init__(self, *, live: bool | None = None) -> None:
        self._live = _terminal().isatty() if live is None else live
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
        print(printable(f"error: {error}"), file=sys.stderr)

    def say(self, text: str = "") -> None:
        """A line of its own."""
        self._settle(text)

    def _settle(self, line: str) -> None:
        self._ticking.set()
        with self._lock:
            clear, line = "\r\x1b[K" if self._live else "", printable(line)
            _terminal().write(f"{clear}{line}\n" if line or not self._live else clear)
            _terminal().flush()

    def _tick(self, stop: threading.Event) -> None:
        while not stop.wait(TICK_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            if not self._ticking.is_set():
                seconds = time.monotonic() - self._started
                shown = printable(f"{self._stage:<16} {seconds:6.1f} s  {self._detail[:80]}").replace("\n", " ")
                _terminal().write(f"\r\x1b[K  … {shown}")
                _terminal().flush()
