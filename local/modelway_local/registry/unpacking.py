"""Layers unpacked to folders, and folders laid over each other: an image as files, with no container engine.

A layer is unpacked once per machine; images hard-link its files, so a change of code alone costs its small layer.
What a tar may do here is less than what it may say: nothing is written outside the folder, whatever it holds.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path, PurePosixPath

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"


class LayerInvalid(Exception):
    """Raised when a layer cannot be unpacked: not a tar, or a member that leads outside of the image."""


def made_once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """`folder`, filled under another name and renamed when whole; whoever is first wins, the others use theirs."""
    if folder.exists():
        return folder
    partial = folder.with_name(f".{folder.name[:12]}-{uuid.uuid4().hex}")
    partial.mkdir(parents=True)
    try:
        fill(partial)
        partial.rename(folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def unpack_layer(archive: Path, target: Path) -> None:
    """Extract a layer's tar, gzipped or not, into `target`; whiteouts stay files. Raises LayerInvalid."""
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter=_safe)  # noqa: S202 - the filter is what makes it safe
    except (tarfile.TarError, EOFError) as error:
        raise LayerInvalid(f"a layer cannot be unpacked: {error}") from error


def _safe(member: tarfile.TarInfo, target: str) -> tarfile.TarInfo | None:
    """tarfile's data filter, with an absolute link read as the image's own root, and no devices."""
    if member.isdev():
        return None
    if member.issym() and member.linkname.startswith("/"):
        depth = len(PurePosixPath(member.name.lstrip("/")).parts) - 1
        member = member.replace(linkname="../" * depth + (member.linkname.lstrip("/") or "."), deep=False)
    return tarfile.data_filter(member, target)


def lay_over(layer: Path, target: Path) -> None:
    """Lay `layer` over `target` with hard links, applying its whiteouts; links of `target` are never followed."""
    for name, _, files in os.walk(layer):
        for file in files:
            if file.startswith(WHITEOUT):
                _white_out(target, Path(name).relative_to(layer), file)
    for name, folders, files in os.walk(layer):
        below = target / Path(name).relative_to(layer)
        if below.is_symlink() or not below.is_dir():
            _remove(below)
            below.mkdir(parents=True)
        links = [folder for folder in folders if (Path(name) / folder).is_symlink()]
        for file in [*links, *(file for file in files if not file.startswith(WHITEOUT))]:
            _remove(below / file)
            os.link(Path(name) / file, below / file, follow_symlinks=False)


def _white_out(target: Path, below: Path, marker: str) -> None:
    """Apply one marker: `.wh.<name>` hides a name, the opaque one hides all that lower layers have in `below`."""
    folder = target / below
    if any((target / part).is_symlink() for part in (below, *below.parents)):
        return  # the upper layer has a folder here: it replaces the link, and nothing behind it is this layer's
    hidden = marker.removeprefix(WHITEOUT)
    if marker == OPAQUE:
        for path in list(folder.iterdir()) if folder.is_dir() else []:
            _remove(path)
    elif hidden not in {"", ".", ".."}:
        _remove(folder / hidden)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
