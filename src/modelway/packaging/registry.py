"""A registry client: push an image, read one back. Works with ECR and with the loopback registry.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import json
from typing import IO, Any
from urllib.parse import urljoin

import urllib3

from modelway.errors import PlatformError
from modelway.packaging.image import CONFIG_TYPE, MANIFEST_TYPE, BuiltImage
from modelway.packaging.layers import Layer

TIMEOUT = urllib3.Timeout(connect=10, read=300)


class TagTaken(PlatformError):
    """Raised when the version's tag already names another image: reserve the next version."""


class Registry:
    """One repository of a registry: `url` is the registry's http(s) address, `authorization` its header's value."""

    def __init__(self, url: str, repository: str, authorization: str) -> None:
        self._base = f"{url.rstrip('/')}/v2/{repository}/"
        self._repository = repository
        self._headers = {"Authorization": authorization}
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=urllib3.Retry(3, redirect=5, backoff_factor=0.2))

    def _send(self, method: str, url: str, **arguments: Any) -> urllib3.BaseHTTPResponse:
        headers = {**self._headers, **arguments.pop("headers", {})}
        try:
            return self._pool.request(method, urljoin(self._base, url), headers=headers, **arguments)
        except urllib3.exceptions.HTTPError as error:
            message = f"the registry at {self._base} does not answer: {error}"
            raise PlatformError(message, fix="modelway status") from error

    def push(self, image: BuiltImage, tag: str) -> str:
        """Push the layers that are not there yet and the manifest under `tag`; returns the digest.

        A tag that already names this very image is success. Raises TagTaken, or PlatformError for any other refusal.
        """
        for layer in image.layers:
            self._push_layer(layer)
        config_digest = json.loads(image.manifest)["config"]["digest"]
        if self._send("HEAD", f"blobs/{config_digest}").status != 200:
            self._upload(config_digest, image.config, len(image.config))
        answer = self._send("PUT", f"manifests/{tag}", body=image.manifest, headers={"Content-Type": MANIFEST_TYPE})
        if answer.status in {400, 409} and (named := self.digest_of(tag)):
            if named == image.digest:
                return named
            raise TagTaken(f"{self._repository}:{tag} already names {named}")
        self._expect(answer, 201, f"the manifest of {self._repository}:{tag}")
        self._confirm(image, tag)
        return image.digest

    def _confirm(self, image: BuiltImage, tag: str) -> None:
        """The registry has under `tag` what was sent, byte for byte, of the type that SageMaker takes."""
        found = self._send("GET", f"manifests/{tag}", headers={"Accept": MANIFEST_TYPE})
        self._expect(found, 200, f"{self._repository}:{tag}")
        kind = found.headers.get("Content-Type", "").split(";")[0]
        if kind != MANIFEST_TYPE or found.data != image.manifest:
            raise PlatformError(f"{self._repository}:{tag} is {kind} in the registry, not the manifest that was pushed")

    def _push_layer(self, layer: Layer) -> None:
        if self._send("HEAD", f"blobs/{layer.digest}").status != 200:
            with layer.path.open("rb") as file:
                self._upload(layer.digest, file, layer.size)

    def _upload(self, digest: str, body: bytes | IO[bytes], size: int) -> None:
        begun = self._send("POST", "blobs/uploads/")
        self._expect(begun, 202, f"an upload to {self._repository}")
        location = begun.headers["Location"]
        joined = f"{location}{'&' if '?' in location else '?'}digest={digest}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._expect(self._send("PUT", joined, body=body, headers=headers), 201, f"blob {digest}")

    def digest_of(self, tag: str) -> str | None:
        """Digest that `tag` names, or None."""
        answer = self._send("HEAD", f"manifests/{tag}", headers={"Accept": MANIFEST_TYPE})
        return answer.headers.get("Docker-Content-Digest") if answer.status == 200 else None

    def config(self, reference: str) -> bytes:
        """The config of the image that a tag or digest names."""
        found = self._send("GET", f"manifests/{reference}", headers={"Accept": MANIFEST_TYPE})
        self._expect(found, 200, f"{self._repository}:{reference}")
        digest = json.loads(found.data)["config"]["digest"]
        config = self._send("GET", f"blobs/{digest}", headers={"Accept": CONFIG_TYPE})
        self._expect(config, 200, f"the config of {self._repository}:{reference}")
        return config.data

    def labels(self, reference: str) -> dict[str, str]:
        """Labels of the image that a tag or digest names."""
        labels: dict[str, str] = json.loads(self.config(reference))["config"].get("Labels") or {}
        return labels

    def _expect(self, answer: urllib3.BaseHTTPResponse, status: int, what: str) -> None:
        if answer.status != status:
            said = answer.data.decode(errors="replace")[:500]
            raise PlatformError(f"the registry refused {what}: HTTP {answer.status}: {said}")
