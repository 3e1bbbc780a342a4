"""What validation finds, with its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing found in a model's folder. Errors block, warnings do not. `line` is 0 where there is none."""

    severity: Literal["error", "warning"]
    check: str
    path: Path
    message: str
    line: int = 0
    column: int = 0
    fix: str = ""

    @property
    def blocks(self) -> bool:
        """Whether the pipeline stops here."""
        return self.severity == "error"

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else str(self.path)
        text = f"{place}: {self.severity}: {self.message} [{self.check}]"
        return f"{text}\n  fix: {self.fix}" if self.fix else text
