"""Zips whose bytes depend on nothing but their content: sorted names, one date, one mode."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

# The earliest date that a zip can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)
FILE_MODE = 0o100644
SKIPPED_FOLDERS = {"__pycache__", "bin", ".lock"}
SKIPPED_SUFFIXES = {".pyc", ".pyi"}


def files_below(folder: Path, prefix: str = "") -> dict[str, Path]:
    """Name in the archive to path, for every file below `folder` that a runtime needs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        wanted = not SKIPPED_FOLDERS & set(relative.parts) and path.suffix not in SKIPPED_SUFFIXES
        if path.is_file() and wanted:
            found[f"{prefix}{relative.as_posix()}"] = path
    return found


def write_zip(target: Path, files: Mapping[str, Path]) -> str:
    """Write the archive; returns its sha256 in hexadecimal."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, whatever system this runs on
            entry.external_attr = FILE_MODE << 16
            archive.writestr(entry, files[name].read_bytes(), zipfile.ZIP_DEFLATED, 9)
    partial.replace(target)
    return hashlib.sha256(target.read_bytes()).hexdigest()
