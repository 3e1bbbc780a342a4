"""Resources on disk: one JSON file each, written whole or not at all, so a kill loses nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Resource = dict[str, Any]


def now() -> datetime:
    """The time that resources carry, to the millisecond as AWS gives it."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


class Store:
    """Named resources by kind. `lock` is held over each read-change-write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache: dict[str, dict[str, Resource]] = {}
        self.lock = threading.RLock()

    def _kind(self, kind: str) -> dict[str, Resource]:
        if kind not in self._cache:
            folder = self._folder / kind
            folder.mkdir(parents=True, exist_ok=True)
            read = (json.loads(path.read_text(), object_hook=_times) for path in sorted(folder.glob("*.json")))
            self._cache[kind] = {resource["_Name"]: resource for resource in read}
        return self._cache[kind]

    def get(self, kind: str, name: str) -> Resource | None:
        """A copy of the resource, or None."""
        with self.lock:
            found = self._kind(kind).get(name)
            return dict(found) if found is not None else None

    def put(self, kind: str, name: str, resource: Resource) -> None:
        """Write the resource to disk, then let it be seen."""
        with self.lock:
            kept = {**resource, "_Name": name}
            path = self._path(kind, name)
            partial = path.with_suffix(f".{threading.get_ident()}.partial")
            partial.write_text(json.dumps(kept, default=_encode))
            partial.replace(path)
            self._kind(kind)[name] = kept

    def change(self, kind: str, name: str, **fields: Any) -> Resource | None:
        """Set `fields` of a resource that exists; None when it is gone."""
        with self.lock:
            found = self.get(kind, name)
            if found is None:
                return None
            found.update(fields)
            self.put(kind, name, found)
            return found

    def delete(self, kind: str, name: str) -> None:
        """Remove the resource; nothing happens when it is gone."""
        with self.lock:
            self._kind(kind).pop(name, None)
            self._path(kind, name).unlink(missing_ok=True)

    def all(self, kind: str) -> Iterator[Resource]:
        """Copies of every resource of a kind."""
        with self.lock:
            yield from [dict(resource) for resource in self._kind(kind).values()]

    def _path(self, kind: str, name: str) -> Path:
        (self._folder / kind).mkdir(parents=True, exist_ok=True)
        return self._folder / kind / f"{name.replace('/', '__')}.json"


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    raise TypeError(f"{type(value).__name__} is not kept on disk")


def _times(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["$time"]) if "$time" in value else value
