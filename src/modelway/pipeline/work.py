"""What one step leaves for the next: small JSON files in a folder, and dotenv files for GitLab."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

from modelway.contracts import Document
from modelway.errors import UserError

D = TypeVar("D", bound=Document)
DEFAULT = "out"


class WorkFolder:
    """One pipeline's folder: $MODELWAY_OUT or ./out."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(os.environ.get("MODELWAY_OUT") or DEFAULT)

    def write(self, name: str, document: Document | dict[str, Any]) -> None:
        """Write `<name>.json`."""
        self.path.mkdir(parents=True, exist_ok=True)
        data = document.model_dump(mode="json") if isinstance(document, Document) else document
        (self.path / f"{name}.json").write_text(json.dumps(data, indent=2))

    def read(self, name: str, made_by: str) -> dict[str, Any]:
        """Read `<name>.json`. Raises UserError naming the step that makes it."""
        path = self.path / f"{name}.json"
        try:
            found: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise UserError(f"{path} is missing: an earlier step did not run", fix=f"modelway ci {made_by}") from error
        return found

    def has(self, name: str) -> bool:
        """Whether `<name>.json` is there."""
        return (self.path / f"{name}.json").exists()

    def document(self, name: str, kind: type[D], made_by: str) -> D:
        """`read` as a contract."""
        return kind.model_validate(self.read(name, made_by))

    def dotenv(self, name: str, **values: str) -> None:
        """Write `<name>.env`, which a GitLab job passes on as `reports: dotenv`."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / f"{name}.env").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
