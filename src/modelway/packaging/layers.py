"""Reproducible tar layers: fixed order, times, owners and modes, so that equal content has an equal digest."""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# gzip at level 1: layers travel over loopback or inside one region, and unpacking dominates.
GZIP_LEVEL = 1
CHUNK = 1 << 20


@dataclass(frozen=True)
class Layer:
    """A gzipped tar on disk: `digest` is the file's, `diff_id` the uncompressed tar's."""

    path: Path
    digest: str
    diff_id: str
    size: int


class _Hashing(io.RawIOBase):
    """A writer that hashes what passes through it."""

    def __init__(self, target: IO[bytes] | gzip.GzipFile) -> None:
        self._target = target
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.sha256.update(data)
        return self._target.write(data)


def write_layer(files: Iterable[tuple[str, Path]], path: Path) -> Layer:
    """Write `files` (name in the image, file on disk) as a layer to `path`."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as raw:
        outer = _Hashing(raw)
        with gzip.GzipFile(filename="", mode="wb", fileobj=outer, compresslevel=GZIP_LEVEL, mtime=0) as zipped:
            inner = _Hashing(zipped)
            with tarfile.open(fileobj=inner, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for name, source in sorted(files):
                    _add(tar, name, source)
    partial.replace(path)
    digests = f"sha256:{outer.sha256.hexdigest()}", f"sha256:{inner.sha256.hexdigest()}"
    return Layer(path, *digests, path.stat().st_size)


def compress(tar: Path, path: Path) -> None:
    """Gzip a tar to `path`, whole or not at all; the same tar gives the same bytes."""
    partial = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    with (
        tar.open("rb") as source,
        partial.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=GZIP_LEVEL, mtime=0) as zipped,
    ):
        shutil.copyfileobj(source, zipped, CHUNK)
    partial.replace(path)


def _add(tar: tarfile.TarFile, name: str, source: Path) -> None:
    info = tarfile.TarInfo(name.lstrip("/"))
    info.size = source.stat().st_size
    info.mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
    with source.open("rb") as file:
        tar.addfile(info, file)


def tree(folder: Path, prefix: str) -> list[tuple[str, Path]]:
    """The files below `folder`, named below `prefix`; caches, hidden files and links are left out."""
    return [
        (f"{prefix}/{path.relative_to(folder).as_posix()}", path)
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and not _ignored(path.relative_to(folder))
    ]


def _ignored(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def content_digest(files: Iterable[tuple[str, Path]]) -> str:
    """sha256 over names and contents, whatever the order they come in."""
    digest = hashlib.sha256()
    for name, path in sorted(files):
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()}"
