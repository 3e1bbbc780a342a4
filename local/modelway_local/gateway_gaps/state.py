"""Documents by name that survive a kill of the gateway: `<home>/gaps/<kind>.json`."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from modelway_local.gateway.exchange import read_json, write_json


class Documents:
    """One kind of document; every method may be called from any thread."""

    def __init__(self, home: Path, kind: str) -> None:
        self._path = home / "gaps" / f"{kind}.json"
        self._lock = threading.Lock()

    def get(self, name: str) -> Any:
        """The document, or None."""
        with self._lock:
            return read_json(self._path).get(name)

    def put(self, name: str, document: Any) -> None:
        """Keep a document; None drops it."""
        with self._lock:
            kept = read_json(self._path)
            kept.pop(name, None)
            if document is not None:
                kept[name] = document
            write_json(self._path, kept)
