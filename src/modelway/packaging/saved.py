"""A built image as files, to pass from the job that builds to the job that pushes.

The job that builds runs the model team's Dockerfile, so what it leaves is checked, not trusted.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from modelway.contracts import ModelSpec
from modelway.errors import UserError
from modelway.packaging.image import MANIFEST_TYPE, BuiltImage, content_labels
from modelway.packaging.layers import Layer
from modelway.packaging.shipped_code import require_admitted


def save(built: BuiltImage, folder: Path) -> None:
    """Write manifest.json, config.json and the layers, named by digest, to `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(built.manifest)
    (folder / "config.json").write_bytes(built.config)
    for layer in built.layers:
        shutil.copyfile(layer.path, folder / f"{_hex(layer.digest)}.tar.gz")


def load(folder: Path, model_dir: Path, spec: ModelSpec, dependencies: Mapping[str, str]) -> BuiltImage:
    """Read back what `save` wrote, and compare it with `model_dir` and the dependencies that admission ran with.

    Raises UserError for a wrong digest, NotAdmitted for other code or dependencies.
    """
    try:
        manifest = (folder / "manifest.json").read_bytes()
        config = (folder / "config.json").read_bytes()
        document, described = json.loads(manifest), json.loads(config)
        diff_ids = described["rootfs"]["diff_ids"]
        layers = tuple(
            _layer(folder, part["digest"], diff_id) for part, diff_id in zip(document["layers"], diff_ids, strict=True)
        )
        named = document["mediaType"], document["config"]["digest"]
        labels = described["config"].get("Labels") or {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder}: not a saved image: {error}", fix="modelway ci package FOLDER") from error
    if named != (MANIFEST_TYPE, f"sha256:{hashlib.sha256(config).hexdigest()}"):
        raise UserError(f"{folder}: the manifest is not Docker v2 schema 2, or its config is another")
    for name, value in content_labels(model_dir, spec).items():
        if labels.get(name) != value:
            raise UserError(f"{folder}: the image's label {name} is not that of {model_dir}", fix="build it again")
    image = BuiltImage(manifest, config, layers)
    require_admitted(image, model_dir, spec, dependencies)
    return image


def _layer(folder: Path, digest: str, diff_id: str) -> Layer:
    path = folder / f"{_hex(digest)}.tar.gz"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != f"sha256:{found}":
        raise ValueError(f"{path.name} is sha256:{found}")
    return Layer(path, digest, diff_id, path.stat().st_size)


def _hex(digest: str) -> str:
    value = digest.removeprefix("sha256:")
    if not value or set(value) - set("0123456789abcdef"):
        raise ValueError(f"{digest!r} is not a sha256 digest")
    return value
