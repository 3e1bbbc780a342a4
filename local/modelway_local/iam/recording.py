"""Each call that was evaluated, once: `<home>/calls.jsonl`, one document a line.

The tests replay them against the policies that Terraform gives, whole and changed (tests/terraform).
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from modelway_local.iam.evaluation import Call, Decision, Principal

# They differ from call to call, and no policy asks for them but by name of a time.
FLEETING = {"aws:currenttime", "aws:epochtime", "aws:useragent"}


class Recorder:
    """Appends what it has not written yet."""

    def __init__(self, home: Path) -> None:
        self._path = home / "calls.jsonl"
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def note(self, actor: str, principal: Principal, call: Call, decision: Decision) -> None:
        """Keep one verdict."""
        line = json.dumps(
            {
                "actor": actor,
                "principal": principal.arn,
                "role": principal.role_arn,
                "action": call.action,
                "resource": call.resource,
                "context": {name: list(call.context[name]) for name in sorted(call.context) if name not in FLEETING},
                "verdict": decision.verdict,
            }
        )
        with self._lock:
            if line in self._seen:
                return
            self._seen.add(line)
            # A line in one write, so that a reader beside it never meets half of one.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, f"{line}\n".encode())
            finally:
                os.close(descriptor)
