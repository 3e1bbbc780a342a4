"""Functions that Terraform creates: their code is unpacked, so that Invoke runs it (gateway/functions.py).

Moto forgets the dead-letter queue; it is kept here and put into its answers.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import threading
import zipfile
from pathlib import Path
from typing import Any

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Request, read_json, write_json
from modelway_local.gateway_gaps.state import Documents

FUNCTIONS = r"/2015-03-31/functions/?"
FUNCTION = r"/2015-03-31/functions/([^/]+)/?(code|configuration|)"


class LambdaCode:
    """Notes Create-, Update- and DeleteFunction in `<home>/lambdas.json`; moto answers them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = home / "gaps" / "lambdas"
        self._lock = threading.Lock()
        self._dead_letters = Documents(home, "dead-letters")

    def wants(self, request: Request) -> bool:
        """Whether `note` needs the request's body."""
        about_functions = request.match(FUNCTIONS) is not None or request.match(FUNCTION) is not None
        return request.method in ("POST", "PUT") and about_functions

    def note(self, request: Request, body: bytes) -> None:
        """Called after moto has taken the request."""
        if request.method == "POST" and request.match(FUNCTIONS) is not None:
            document = json.loads(body)
            self._register(document["FunctionName"], document, document.get("Code", {}))
            return
        found = request.match(r"/2015-03-31/functions/([^/]+)/(code|configuration)")
        if request.method == "PUT" and found:
            document = json.loads(body)
            self._register(_bare(found[0]), document, document if found[1] == "code" else {})
            return
        gone = request.match(r"/2015-03-31/functions/([^/]+)")
        if request.method == "DELETE" and gone:
            self._write(_bare(gone[0]), None)
            self._dead_letters.put(_bare(gone[0]), None)

    def amend(self, request: Request, answer: bytes) -> bytes:
        """Moto's description of a function, with its dead-letter queue."""
        found = request.match(FUNCTION)
        target = self._dead_letters.get(_bare(found[0])) if request.method == "GET" and found else None
        if target is None:
            return answer
        document = json.loads(answer)
        document.get("Configuration", document)["DeadLetterConfig"] = target
        return json.dumps(document).encode()

    def _register(self, name: str, document: dict[str, Any], code: dict[str, Any]) -> None:
        entry = dict(read_json(self._home / "lambdas.json").get(name, {}))
        if "ZipFile" in code:
            entry["folder"] = str(self._unpack(name, base64.b64decode(code["ZipFile"])))
        if "Handler" in document:
            entry["handler"] = document["Handler"]
        if "Timeout" in document:
            entry["timeout"] = document["Timeout"]
        if "Environment" in document:
            variables = document["Environment"].get("Variables") or {}
            entry["environment"] = variables
        if "Role" in document:
            entry["role"] = document["Role"]
        if "DeadLetterConfig" in document:
            self._dead_letters.put(name, document["DeadLetterConfig"] or None)
        if "folder" in entry:
            self._write(name, entry)

    def _unpack(self, name: str, archive: bytes) -> Path:
        """The code's folder; one of another content has another name, so a warm process is not reused."""
        target = self._folder / f"{name}-{hashlib.sha256(archive).hexdigest()[:16]}"
        if not target.exists():
            partial = target.with_name(f".{target.name}")
            shutil.rmtree(partial, ignore_errors=True)
            try:
                with zipfile.ZipFile(io.BytesIO(archive)) as files:
                    files.extractall(partial)
            except zipfile.BadZipFile as error:
                raise AwsError("InvalidParameterValueException", f"Could not unzip uploaded file: {error}") from error
            partial.rename(target)
        return target

    def _write(self, name: str, entry: dict[str, Any] | None) -> None:
        with self._lock:
            known = read_json(self._home / "lambdas.json")
            known.pop(name, None)
            if entry is not None:
                known[name] = entry
            write_json(self._home / "lambdas.json", known)


def _bare(identifier: str) -> str:
    parts = identifier.split(":")
    return parts[parts.index("function") + 1] if "function" in parts else parts[0]
