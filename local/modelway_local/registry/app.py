"""The OCI distribution protocol, as much of it as docker, buildah and our own client use to push and pull.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit

from modelway_local.registry.store import (
    BlobUnknown,
    ImageNotFound,
    ManifestInvalid,
    RegistryStore,
    RepositoryNotFound,
    TagExists,
    blobs_of,
)

Answer = tuple[int, dict[str, str], bytes | Iterator[bytes]]
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CHUNK = 1 << 20
# What went wrong, narrowest first, as the protocol says it.
_REFUSALS: tuple[tuple[type[Exception], int, str], ...] = (
    (RepositoryNotFound, 404, "NAME_UNKNOWN"),
    (BlobUnknown, 404, "MANIFEST_BLOB_UNKNOWN"),
    (ImageNotFound, 404, "MANIFEST_UNKNOWN"),
    (TagExists, 409, "TAG_INVALID"),
    (ManifestInvalid, 400, "MANIFEST_INVALID"),
    (ValueError, 400, "DIGEST_INVALID"),
)


@dataclass(frozen=True)
class _Call:
    """One request to a repository: `reference` is an upload's id, a tag or a digest."""

    method: str
    name: str
    reference: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: IO[bytes]


class RegistryApp:
    """Answers /v2/ requests from the store under `home`."""

    def __init__(self, home: Path) -> None:
        self._store = RegistryStore(home)
        self._routes: tuple[tuple[re.Pattern[str], frozenset[str], Callable[[_Call], Answer]], ...] = (
            (re.compile(r"/v2/(.+)/blobs/uploads(/?)"), frozenset({"POST"}), self._uploads),
            (re.compile(r"/v2/(.+)/blobs/uploads/([^/]+)"), frozenset({"GET", "PATCH", "PUT", "DELETE"}), self._upload),
            (re.compile(r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})"), frozenset({"GET", "HEAD"}), self._blob),
            (re.compile(r"/v2/(.+)/manifests/([^/]+)"), frozenset({"GET", "HEAD", "PUT"}), self._manifest),
            (re.compile(r"/v2/(.+)/tags/(list)"), frozenset({"GET"}), self._tags),
        )

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: IO[bytes]) -> Answer:
        """(status, headers, body) of one request; `headers` are lower-case, `body` ends at its content's end."""
        url = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path in {"/v2", "/v2/"}:
            return 200, {"Content-Type": "application/json", "Docker-Distribution-Api-Version": "registry/2.0"}, b"{}"
        for pattern, methods, handler in self._routes:
            if match := pattern.fullmatch(url.path):
                if method not in methods:
                    return _error(405, "UNSUPPORTED", f"{method} is not for {url.path}")
                call = _Call(method, unquote(match[1]), unquote(match[2]), query, headers, body)
                return self._answer(handler, call)
        return _error(404, "UNSUPPORTED", f"{method} {url.path} is not part of the protocol")

    def _answer(self, handler: Callable[[_Call], Answer], call: _Call) -> Answer:
        try:
            self._store.repository(call.name)
            return handler(call)
        except Exception as error:
            for kind, status, code in _REFUSALS:
                if isinstance(error, kind):
                    return _error(status, code, str(error))
            raise

    def _uploads(self, call: _Call) -> Answer:
        """POST begins an upload, or does it whole, or mounts a blob that is there."""
        if mount := call.query.get("mount"):
            with suppress(ImageNotFound):
                self._store.blob(mount)
                return _created(call.name, mount)
        identifier = self._store.new_upload()
        if digest := call.query.get("digest"):
            self._append(identifier, call.body)
            self._store.finish_upload(identifier, digest)
            return _created(call.name, digest)
        return _accepted(call.name, identifier, 0)

    def _upload(self, call: _Call) -> Answer:
        """PATCH adds a chunk, PUT adds the last and checks the digest, GET tells how much is there, DELETE gives up."""
        identifier = call.reference
        size = self._store.upload(identifier).stat().st_size
        if call.method == "GET":
            return 204, _accepted(call.name, identifier, size)[1], b""
        if call.method == "DELETE":
            self._store.cancel_upload(identifier)
            return 204, {}, b""
        begin = re.match(r"(?:bytes )?(\d+)-", call.headers.get("content-range", ""))
        if begin and int(begin[1]) != size:
            return 416, _accepted(call.name, identifier, size)[1], b""
        size = self._append(identifier, call.body)
        if call.method == "PATCH":
            return _accepted(call.name, identifier, size)
        digest = call.query.get("digest", "")
        self._store.finish_upload(identifier, digest)
        return _created(call.name, digest)

    def _append(self, identifier: str, body: IO[bytes]) -> int:
        """Bytes of the upload after adding `body`."""
        with self._store.upload(identifier).open("ab") as file:
            while chunk := body.read(CHUNK):
                file.write(chunk)
            return file.tell()

    def _blob(self, call: _Call) -> Answer:
        try:
            path = self._store.blob(call.reference)
        except ImageNotFound as error:
            return _error(404, "BLOB_UNKNOWN", str(error))
        headers = {
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": call.reference,
            "Content-Length": str(path.stat().st_size),
        }
        return 200, headers, b"" if call.method == "HEAD" else _chunks(path)

    def _manifest(self, call: _Call) -> Answer:
        name = call.name
        if call.method == "PUT":
            content = call.body.read()
            blobs_of(content)
            if (kind := json.loads(content).get("mediaType")) != MANIFEST_TYPE:
                return _error(415, "MANIFEST_INVALID", f"SageMaker needs {MANIFEST_TYPE}, not {kind}")
            digest = self._store.put_manifest(name, call.reference, content)
            return 201, {"Docker-Content-Digest": digest, "Location": f"/v2/{name}/manifests/{digest}"}, b""
        digest, found = self._store.manifest(name, call.reference)
        headers = {"Content-Type": MANIFEST_TYPE, "Docker-Content-Digest": digest, "Content-Length": str(len(found))}
        return 200, headers, b"" if call.method == "HEAD" else found

    def _tags(self, call: _Call) -> Answer:
        document = {"name": call.name, "tags": list(self._store.tags(call.name))}
        return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _created(name: str, digest: str) -> Answer:
    return 201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}, b""


def _accepted(name: str, identifier: str, size: int) -> Answer:
    headers = {
        "Location": f"/v2/{name}/blobs/uploads/{identifier}",
        "Docker-Upload-UUID": identifier,
        "Range": f"0-{max(size - 1, 0)}",
    }
    return 202, headers, b""


def _error(status: int, code: str, message: str) -> Answer:
    body: dict[str, Any] = {"errors": [{"code": code, "message": message}]}
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()
