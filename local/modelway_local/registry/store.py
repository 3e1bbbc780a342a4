"""Blobs, manifests and tags on disk, and the folders that images unpack to.

Layout of `<home>/registry`: `blobs/<hex>`, and for each repository `repositories/<name>/{repository.json,
manifests/<hex>, tags/<tag>}`. A tag is written once (`os.link` refuses a second), which is what makes tags immutable
even between processes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.packaging.image import LABEL_INTERPRETER
from modelway_local.gateway.exchange import read_json
from modelway_local.registry.unpacking import LayerInvalid, lay_over, made_once, unpack_layer

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


class ImageNotFound(Exception):
    """Raised when a repository, tag, digest or blob is not in the registry."""


class TagExists(Exception):
    """Raised when a tag already names another manifest."""


class BlobUnknown(ImageNotFound):
    """Raised when a manifest names a blob that was not uploaded."""


class ManifestInvalid(ValueError):
    """Raised for a manifest that is not one, or a tag that cannot be one."""


class RepositoryNotFound(ImageNotFound):
    """Raised when the repository has not been created."""


@dataclass(frozen=True)
class UnpackedImage:
    """An image as a folder: `rootfs` holds its files, `config` is its image config.

    `layers` are the digests of its blobs; `engine_tag` is its name in a Docker engine that has it, else empty.
    """

    rootfs: Path
    config: dict[str, Any]
    digest: str
    layers: tuple[str, ...] = ()
    engine_tag: str = ""

    @property
    def has_base(self) -> bool:
        """Whether it brings its own Python and libraries, rather than naming an interpreter of this machine."""
        labels = self.config.get("config", {}).get("Labels") or {}
        return LABEL_INTERPRETER not in labels and (self.rootfs / "usr").is_dir()


class RegistryStore:
    """What the registry holds. All methods are safe to call from several threads and processes."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._root = home / "registry"
        (self._root / "blobs").mkdir(parents=True, exist_ok=True)
        (self._root / "uploads").mkdir(parents=True, exist_ok=True)

    # Repositories

    def create_repository(self, name: str, document: dict[str, Any]) -> None:
        """Raises FileExistsError when it exists."""
        folder = self.repository(name, must_exist=False)
        if (folder / "repository.json").exists():
            raise FileExistsError(name)
        (folder / "manifests").mkdir(parents=True, exist_ok=True)
        (folder / "tags").mkdir(exist_ok=True)
        write(folder / "repository.json", json.dumps(document).encode())

    def repository(self, name: str, *, must_exist: bool = True) -> Path:
        """The repository's folder. Raises RepositoryNotFound."""
        folder = self._root / "repositories" / name.replace("/", "__")
        if must_exist and not (folder / "repository.json").exists():
            raise RepositoryNotFound(f"the repository {name!r} does not exist")
        return folder

    def policy(self, name: str) -> str | None:
        """The policy of a repository; None without one, and where there is no such repository."""
        document: dict[str, Any] = read_json(self.repository(name, must_exist=False) / "repository.json")
        return document.get("policyText")

    def repositories(self) -> Iterator[dict[str, Any]]:
        """The documents that repositories were created with."""
        for path in sorted((self._root / "repositories").glob("*/repository.json")):
            yield json.loads(path.read_text())

    def delete_repository(self, name: str) -> None:
        """Remove a repository with its manifests and tags."""
        shutil.rmtree(self.repository(name))

    # Blobs

    def blob(self, digest: str) -> Path:
        """The blob's file. Raises ImageNotFound."""
        path = self._root / "blobs" / _hex(digest)
        if not path.exists():
            raise ImageNotFound(f"blob {digest} is unknown")
        return path

    def new_upload(self) -> str:
        """Begin an upload; returns its id."""
        identifier = uuid.uuid4().hex
        (self._root / "uploads" / identifier).touch()
        return identifier

    def upload(self, identifier: str) -> Path:
        """The partial file of an upload. Raises ImageNotFound."""
        path = self._root / "uploads" / _hex(f"sha256:{identifier}")
        if not path.exists():
            raise ImageNotFound(f"upload {identifier} is unknown")
        return path

    def cancel_upload(self, identifier: str) -> None:
        """Forget an upload. Raises ImageNotFound."""
        self.upload(identifier).unlink()

    def finish_upload(self, identifier: str, digest: str) -> None:
        """Make the upload a blob. Raises ValueError when its content is not `digest`."""
        path = self.upload(identifier)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if f"sha256:{found}" != digest:
            path.unlink()
            raise ValueError(f"content is sha256:{found}, not {digest}")
        path.replace(self._root / "blobs" / found)

    # Manifests

    def put_manifest(self, name: str, reference: str, body: bytes) -> str:
        """Keep a manifest under a digest or tag; returns its digest.

        Raises BlobUnknown for a layer that was not uploaded, TagExists when the tag names another manifest,
        ManifestInvalid, and ValueError when `reference` is a digest of other content.
        """
        folder = self.repository(name)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if reference.startswith("sha256:") and reference != digest:
            raise ValueError(f"the manifest is {digest}, not {reference}")
        if not reference.startswith("sha256:") and not TAG.fullmatch(reference):
            raise ManifestInvalid(f"{reference!r} is not a tag")
        for part in blobs_of(body):
            try:
                self.blob(part)
            except ImageNotFound as error:
                raise BlobUnknown(str(error)) from error
        path = folder / "manifests" / _hex(digest)
        if not path.exists():
            write(path, body)
        if not reference.startswith("sha256:"):
            self._tag(folder, reference, digest)
        return digest

    def _tag(self, folder: Path, tag: str, digest: str) -> None:
        partial = folder / f".tag-{uuid.uuid4().hex}"
        partial.write_text(digest)
        try:
            os.link(partial, folder / "tags" / tag)
        except FileExistsError as error:
            if (folder / "tags" / tag).read_text() != digest:
                raise TagExists(f"the tag {tag!r} already names another image and tags are immutable") from error
        finally:
            partial.unlink()

    def manifest(self, name: str, reference: str) -> tuple[str, bytes]:
        """(digest, body) by tag or digest. Raises ImageNotFound."""
        folder = self.repository(name)
        digest = reference
        if not reference.startswith("sha256:"):
            tag = folder / "tags" / reference
            if not TAG.fullmatch(reference) or not tag.is_file():
                raise ImageNotFound(f"{name}:{reference} is not in the registry")
            digest = tag.read_text()
        path = folder / "manifests" / _hex(digest)
        if not path.is_file():
            raise ImageNotFound(f"{name}@{digest} is not in the registry")
        return digest, path.read_bytes()

    def tags(self, name: str) -> dict[str, str]:
        """Digest by tag."""
        return {path.name: path.read_text() for path in sorted((self.repository(name) / "tags").iterdir())}

    def digests(self, name: str) -> list[str]:
        """Digests of all manifests of a repository."""
        return [f"sha256:{path.name}" for path in sorted((self.repository(name) / "manifests").iterdir())]

    def pushed_at(self, name: str, digest: str) -> float:
        """When a manifest was pushed, seconds since the epoch."""
        return (self.repository(name) / "manifests" / _hex(digest)).stat().st_mtime

    def untag(self, name: str, tag: str) -> None:
        """Remove a tag; its manifest stays."""
        if TAG.fullmatch(tag):
            (self.repository(name) / "tags" / tag).unlink(missing_ok=True)

    def delete_image(self, name: str, digest: str) -> None:
        """Remove a manifest and the tags that name it."""
        folder = self.repository(name)
        (folder / "manifests" / _hex(digest)).unlink(missing_ok=True)
        for tag, named in self.tags(name).items():
            if named == digest:
                (folder / "tags" / tag).unlink(missing_ok=True)

    # Unpacking

    def unpack(self, image_uri: str) -> UnpackedImage:
        """The image as a folder, made once per digest. Raises ImageNotFound, also when it cannot be unpacked."""
        name, reference = _parse(image_uri)
        digest, body = self.manifest(name, reference)
        manifest = json.loads(body)
        config = json.loads(self.blob(manifest["config"]["digest"]).read_text())
        layers = [layer["digest"] for layer in manifest["layers"]]

        def fill(partial: Path) -> None:
            for layer in layers:
                lay_over(self._layer(layer), partial)

        try:
            rootfs = made_once(self._home / "images" / _hex(digest), fill)
        except LayerInvalid as error:
            raise ImageNotFound(f"{image_uri}: {error}") from error
        return UnpackedImage(rootfs, config, digest, tuple(layers))

    def _layer(self, digest: str) -> Path:
        """A layer unpacked, made once; images link its files rather than copy them."""
        return made_once(self._home / "layers" / _hex(digest), lambda partial: unpack_layer(self.blob(digest), partial))


def blobs_of(manifest: bytes) -> list[str]:
    """Digests of a manifest's config and layers. Raises ManifestInvalid."""
    try:
        document = json.loads(manifest)
        return [str(part["digest"]) for part in (document["config"], *document["layers"])]
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestInvalid("the manifest has no config and layers with digests") from error


def _parse(image_uri: str) -> tuple[str, str]:
    """(repository, tag or digest) of registry/repository@digest or registry/repository:tag."""
    _, _, path = image_uri.partition("/")
    if "@" in path:
        name, _, digest = path.partition("@")
        return name, digest
    name, _, tag = path.partition(":")
    return name, tag or "latest"


def _hex(digest: str) -> str:
    value = digest.removeprefix("sha256:")
    if not value or any(character not in "0123456789abcdef" for character in value):
        raise ImageNotFound(f"{digest!r} is not a sha256 digest")
    return value


def write(path: Path, body: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    partial.write_bytes(body)
    partial.replace(path)
