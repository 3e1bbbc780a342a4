"""The child process of one function: a JSON line in for each event, a JSON line out.

`python -m modelway_local.gateway.run_lambda FOLDER MODULE.FUNCTION`; prints of the handler go to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """The part of Lambda's context object that handlers read."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.aws_request_id: str = fields["aws_request_id"]
        self.function_name: str = fields["function_name"]
        self.invoked_function_arn: str = fields["invoked_function_arn"]
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = "512"
        self._ends = time.monotonic() + fields["seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the gateway kills this process."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


def answer(handler: str, request: dict[str, Any]) -> dict[str, Any]:
    """`{"result": ...}`, or `{"error": ...}` as Lambda's Python runtime words it."""
    module_name, _, function = handler.rpartition(".")
    try:
        try:
            target = getattr(importlib.import_module(module_name.replace("/", ".")), function)
        except ImportError as error:
            said = f"Unable to import module '{module_name}': {error}"
            return {"error": {"errorMessage": said, "errorType": "Runtime.ImportModuleError", "stackTrace": []}}
        result = target(request["event"], Context(request["context"]))
        json.dumps(result)
    except Exception as error:  # noqa: BLE001 - any failure of the handler is its answer
        traceback.print_exc()
        trace = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
        return {"error": {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}}
    return {"result": result}


def main() -> None:
    """Answer lines until stdin ends, that is until the gateway does."""
    folder, handler = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path.insert(0, folder)
    for line in sys.stdin:
        said = answer(handler, json.loads(line))
        sys.stdout.flush()
        out.write(json.dumps(said) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
