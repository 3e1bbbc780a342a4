"""The OCI distribution protocol, as much of it as docker, buildah and our own client use to push and pull.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

from modelway_local.registry.store import ImageNotFound, RegistryStore, RepositoryNotFound, TagExists

Answer = tuple[int, dict[str, str], bytes | Iterator[bytes]]
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CHUNK = 1 << 20


class RegistryApp:
    """Answers /v2/ requests from the store under `home`."""

    def __init__(self, home: Path) -> None:
        self._store = RegistryStore(home)

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: IO[bytes]) -> Answer:  # noqa: ARG002
        """(status, headers, body) of one request; `headers` are lower-case, `body` ends at its content's end."""
        url = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path in {"/v2", "/v2/"}:
            return 200, {"Content-Type": "application/json", "Docker-Distribution-Api-Version": "registry/2.0"}, b"{}"
        for pattern, handler in (
            (r"/v2/(.+)/blobs/uploads/([^/]*)", self._uploads),
            (r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})", self._blob),
            (r"/v2/(.+)/manifests/([^/]+)", self._manifest),
            (r"/v2/(.+)/tags/(list)", self._tags),
        ):
            if match := re.fullmatch(pattern, url.path):
                try:
                    self._store.repository(match[1])
                    return handler(method, match[1], match[2], query, body)
                except RepositoryNotFound as error:
                    return _error(404, "NAME_UNKNOWN", str(error))
                except ImageNotFound as error:
                    return _error(404, "MANIFEST_UNKNOWN", str(error))
                except TagExists as error:
                    return _error(409, "TAG_INVALID", str(error))
                except ValueError as error:
                    return _error(400, "DIGEST_INVALID", str(error))
        return _error(404, "UNSUPPORTED", f"{method} {url.path} is not part of the protocol")

    def _uploads(self, method: str, name: str, identifier: str, query: dict[str, str], body: IO[bytes]) -> Answer:
        if method == "POST":
            if mount := query.get("mount"):
                try:
                    self._store.blob(mount)
                    return _created(name, mount)
                except ImageNotFound:
                    pass
            identifier = self._store.new_upload()
            if "digest" not in query:
                return _accepted(name, identifier, 0)
        partial = self._store.upload(identifier)
        with partial.open("ab") as file:
            while chunk := body.read(CHUNK):
                file.write(chunk)
        if method == "PATCH":
            return _accepted(name, identifier, partial.stat().st_size)
        self._store.finish_upload(identifier, query.get("digest", ""))
        return _created(name, query["digest"])

    def _blob(self, method: str, name: str, digest: str, query: dict[str, str], body: IO[bytes]) -> Answer:  # noqa: ARG002
        try:
            path = self._store.blob(digest)
        except ImageNotFound as error:
            return _error(404, "BLOB_UNKNOWN", str(error))
        headers = {
            "Content-Type": "application/octet-stream",
            "Docker-Content-Digest": digest,
            "Content-Length": str(path.stat().st_size),
        }
        return 200, headers, b"" if method == "HEAD" else _chunks(path)

    def _manifest(self, method: str, name: str, reference: str, query: dict[str, str], body: IO[bytes]) -> Answer:  # noqa: ARG002
        if method == "PUT":
            content = body.read()
            if (kind := json.loads(content).get("mediaType")) != MANIFEST_TYPE:
                return _error(415, "MANIFEST_INVALID", f"SageMaker needs {MANIFEST_TYPE}, not {kind}")
            digest = self._store.put_manifest(name, reference, content)
            return 201, {"Docker-Content-Digest": digest, "Location": f"/v2/{name}/manifests/{digest}"}, b""
        digest, found = self._store.manifest(name, reference)
        headers = {"Content-Type": MANIFEST_TYPE, "Docker-Content-Digest": digest, "Content-Length": str(len(found))}
        return 200, headers, b"" if method == "HEAD" else found

    def _tags(self, method: str, name: str, _: str, query: dict[str, str], body: IO[bytes]) -> Answer:  # noqa: ARG002
        document = {"name": name, "tags": list(self._store.tags(name))}
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
