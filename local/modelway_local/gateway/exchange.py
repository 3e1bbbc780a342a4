"""A request as the gateway's services see it, and the answer that they give."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from modelway_local.gateway.errors import ValidationError

CHUNK = 1 << 16
# Status, headers, and a body whole or in pieces; pieces without a Content-Length are sent chunked.
Answer = tuple[int, dict[str, str], bytes | Iterator[bytes]]


class Body(io.RawIOBase):
    """A request's body, read from the connection up to its end: `length` bytes, or all chunks when it is None."""

    def __init__(self, stream: io.BufferedIOBase, length: int | None) -> None:
        self._stream = stream
        self._chunked = length is None
        self._left = length or 0
        self._ended = length == 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; 0 at the body's end. Raises ConnectionError if the client hung up before it."""
        if self._chunked and not self._left and not self._ended:
            self._next_chunk()
        if self._ended:
            return 0
        piece = self._stream.read(min(len(buffer), self._left))
        if not piece:
            raise ConnectionError("the client closed the connection within its request")
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        if self._left == 0 and self._chunked:
            self._stream.readline()
        self._ended = self._left == 0 and not self._chunked
        return len(piece)

    def _next_chunk(self) -> None:
        self._left = int(self._stream.readline().split(b";")[0], 16)
        if self._left == 0:
            self._ended = True
            while self._stream.readline().strip():
                pass

    def pieces(self) -> Iterator[bytes]:
        """The rest of the body."""
        while piece := self.read(CHUNK):
            yield piece

    def drain(self) -> None:
        """Read to the end, so that the connection can take its next request."""
        for _ in self.pieces():
            pass


@dataclass(frozen=True)
class Request:
    """One HTTP request. `target` is path and query as sent; the names in `headers` are lower-case."""

    method: str
    target: str
    headers: dict[str, str]
    raw_headers: list[tuple[str, str]]
    body: Body

    @property
    def path(self) -> str:
        """The path without its query, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def service(self) -> str:
        """The AWS signing name that the request is signed for; empty if it is not signed."""
        said = self.headers.get("authorization") or unquote(urlsplit(self.target).query)
        found = re.search(r"Credential=[^/]+/\d+/[^/]*/([^/]+)/", said)
        return found[1] if found else ""

    def match(self, pattern: str) -> list[str] | None:
        """The decoded groups if the whole path fits the pattern."""
        found = re.fullmatch(pattern, self.path)
        return [unquote(group) for group in found.groups()] if found else None

    def document(self) -> dict[str, Any]:
        """The body as a JSON object, {} when empty. Raises ValidationError for all else."""
        try:
            document = json.loads(self.body.read() or b"{}")
        except ValueError as error:
            raise ValidationError(f"the body is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise ValidationError("the body is not a JSON object")
        return document


def json_answer(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """A JSON answer; `headers` may name another content type."""
    return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(document).encode()


def write_json(path: Path, document: Any) -> None:
    """Write a document whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(document, indent=2), encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; {} if the file does not exist."""
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return document
