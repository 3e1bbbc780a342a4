"""`make test`: every suite, two at a time, even when one fails, and one summary at the end.

    python -m ci.suites lint unit integration ...

Each word is a target of the Makefile; the first ones start first. Two at a time, since most of what a suite does is to
wait for a stack. What a suite says is printed when it has ended, so that two never speak at once; the summary adds its
seconds, and the line with which pytest closed. The exit code is 0 only if every suite passed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

SIDE_BY_SIDE = 2

# pytest's last line, with or without its frame of equal signs.
CLOSING = re.compile(r"^=*\s*(\d+ (?:passed|failed|skipped|error|deselected|xfailed|warning).* in [\d.]+s)\b.*$")
REASON = re.compile(r"^SKIPPED \[\d+\] (.*)$")


class Ended(NamedTuple):
    """How one suite ended: its exit code, its seconds, pytest's closing line and why tests were skipped."""

    suite: str
    code: int
    seconds: float
    closing: str
    skipped: tuple[str, ...]


def run(suite: str) -> Ended:
    """Run one target, and print what it said."""
    print(f"... {suite} has begun", flush=True)
    began = time.monotonic()
    process = subprocess.run(
        ["make", "--no-print-directory", suite],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    seconds = time.monotonic() - began
    lines = process.stdout.splitlines()
    print("\n".join([f"--- {suite}", *lines]), flush=True)
    closings = [match[1] for line in lines if (match := CLOSING.match(line))]
    skipped = tuple(match[1].strip() for line in lines if (match := REASON.match(line)))
    return Ended(suite, process.returncode, seconds, closings[-1] if closings else "", skipped)


def summary(suites: list[Ended]) -> str:
    """One line per suite, then what was not run and why."""
    lines = [
        f"{'ok' if suite.code == 0 else 'FAILED':<7}{suite.suite:<14}{suite.seconds:>6.0f} s  {suite.closing}".rstrip()
        for suite in suites
    ]
    lines += [f"not run: {suite.suite}: {reason}" for suite in suites for reason in suite.skipped]
    failed = [suite.suite for suite in suites if suite.code]
    verdict = f"failed: {', '.join(failed)}; again with `make {failed[0]}`" if failed else "every suite passed"
    return "\n".join(["", "--- summary", *lines, verdict])


def main(suites: list[str]) -> int:
    """Exit code 1 when a suite failed."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as lanes:
        ended = list(lanes.map(run, suites))
    print(summary(ended), flush=True)
    return int(any(suite.code for suite in ended))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
