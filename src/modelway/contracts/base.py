"""What every document that travels has in common."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A frozen, closed document: unknown keys are refused, values do not change once read."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def canonical_json(self) -> str:
        """The one spelling of this document: sorted keys, no spaces, UTF-8."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )

    def content_hash(self, length: int = 10) -> str:
        """The first `length` hexadecimal digits of the SHA-256 of `canonical_json`."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:length]
