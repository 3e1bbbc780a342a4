"""`make test`: every suite, one after another, even when one fails, and one summary at the end.

    python -m ci.suites lint unit integration ...

Each word is a target of the Makefile. What a suite says goes through as it comes; the summary adds its seconds, and
the line with which pytest closed. The exit code is 0 only if every suite passed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import NamedTuple

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
    """Run one target, passing on what it says."""
    print(f"--- {suite}", flush=True)
    began = time.monotonic()
    closing, skipped = "", []
    with subprocess.Popen(["make", "--no-print-directory", suite], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            closing = match[1] if (match := CLOSING.match(line)) else closing
            if match := REASON.match(line):
                skipped.append(match[1].strip())
    return Ended(suite, process.returncode, time.monotonic() - began, closing, tuple(skipped))


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
    ended = [run(suite) for suite in suites]
    print(summary(ended), flush=True)
    return int(any(suite.code for suite in ended))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
