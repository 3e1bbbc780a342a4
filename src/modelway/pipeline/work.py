"""What one step leaves for the next: small JSON files in a folder, and dotenv files for GitLab.

What a job that ran a model's code leaves lies in a folder of its own (`room`), so that it replaces nothing of others.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from modelway.contracts import Document
from modelway.errors import UserError

D = TypeVar("D", bound=Document)
DEFAULT = "out"
MAXIMUM_BYTES = 4 * 1024 * 1024


class WorkFolder:
    """One pipeline's folder: $MODELWAY_OUT or ./out."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(os.environ.get("MODELWAY_OUT") or DEFAULT)

    def room(self, name: str) -> WorkFolder:
        """The folder of one job's artifact, within this one."""
        return WorkFolder(self.path / name)

    def write(self, name: str, document: Document | dict[str, Any]) -> None:
        """Write `<name>.json`."""
        self.path.mkdir(parents=True, exist_ok=True)
        data = document.model_dump(mode="json") if isinstance(document, Document) else document
        (self.path / f"{name}.json").write_text(json.dumps(data, indent=2))

    def read(self, name: str, made_by: str) -> dict[str, Any]:
        """Read `<name>.json`. Raises UserError naming the step that makes it, also for a link or what is not JSON."""
        path, fix = self.path / f"{name}.json", f"modelway ci {made_by}"
        try:
            found: Any = json.loads(_bounded(path))
        except FileNotFoundError as error:
            raise UserError(f"{path} is missing: an earlier step did not run", fix=fix) from error
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path} cannot be read: {error}", fix=fix) from error
        if not isinstance(found, dict):
            raise UserError(f"{path} is not a JSON object", fix=fix)
        return found

    def has(self, name: str) -> bool:
        """Whether `<name>.json` is there."""
        return (self.path / f"{name}.json").exists()

    def document(self, name: str, kind: type[D], made_by: str) -> D:
        """`read` as a contract. Raises UserError also when it does not keep to it."""
        try:
            return kind.model_validate(self.read(name, made_by))
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            message = f"{self.path / name}.json is no {kind.__name__}: {place}: {first['msg']}"
            raise UserError(message, fix=f"modelway ci {made_by}") from error

    def dotenv(self, name: str, **values: str) -> None:
        """Write `<name>.env`, which a GitLab job passes on as `reports: dotenv`."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / f"{name}.env").write_text("".join(f"{key}={value}\n" for key, value in values.items()))


def _bounded(path: Path) -> bytes:
    """The content of a regular file of a sensible size; a link is not followed."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ValueError("it is not a file")
        content = stream.read(MAXIMUM_BYTES + 1)
    if len(content) > MAXIMUM_BYTES:
        raise ValueError(f"it has more than {MAXIMUM_BYTES} bytes")
    return content
