"""A registry with one repository, spoken to without a socket."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from modelway_local.registry.app import MANIFEST_TYPE, Answer, RegistryApp
from modelway_local.registry.ecr_api import EcrApi
from modelway_local.registry.store import RegistryStore

NAME = "modelway/fraud"


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


class Registry:
    """The registry's three faces over one home, and the pushes that tests begin with."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.app = RegistryApp(home)
        self.ecr = EcrApi(home, 4566)
        self.store = RegistryStore(home)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """One request below /v2/<NAME>/; header names are given with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.app.handle(method, f"/v2/{NAME}/{path}", named, io.BytesIO(body))

    def push_blob(self, body: bytes) -> str:
        digest = digest_of(body)
        assert self.send("POST", f"blobs/uploads/?digest={digest}", body)[0] == 201
        return digest

    def manifest(self, layer: bytes = b"layer", config: bytes = b'{"config": {}}') -> bytes:
        """A manifest whose config and layer are in the registry."""
        parts = [{"digest": self.push_blob(part), "size": len(part)} for part in (config, layer)]
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE}
        return json.dumps({**document, "config": parts[0], "layers": parts[1:]}).encode()

    def push(self, tag: str, layer: bytes = b"layer") -> str:
        """Push an image of one layer; returns its digest."""
        manifest = self.manifest(layer)
        assert self.send("PUT", f"manifests/{tag}", manifest)[0] == 201
        return digest_of(manifest)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    made = Registry(tmp_path)
    made.ecr.handle("CreateRepository", {"repositoryName": NAME, "imageTagMutability": "IMMUTABLE"})
    return made
