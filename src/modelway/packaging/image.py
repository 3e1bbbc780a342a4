"""The image of a model: base, dependencies, code; a Docker v2 schema 2 manifest, which is what SageMaker takes.

No version or date is in an image, and a commit only in labels that `content_of` leaves aside, so a commit that changes
neither code nor dependencies has the content of the one before, and the platform can tell. Version and commit are on
the tag, the SageMaker resources' tags and the TrainingRequest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.contracts import ModelSpec
from modelway.errors import UserError
from modelway.packaging.dependencies import IMAGE_FOLDER, Dependencies
from modelway.packaging.layers import Layer, content_digest, tree, write_layer

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
PROGRAM = "opt/program"
ENTRYPOINT = ["python", f"/{PROGRAM}/container.py"]

# What an io.json may hold beside its two schemas.
_SCHEMA_ANNOTATIONS = frozenset({"$schema", "$id", "$comment", "title", "description"})

LABEL_SPEC = "dev.modelway.spec"
LABEL_SPEC_DIGEST = "dev.modelway.spec-digest"
LABEL_IO_SCHEMA = "dev.modelway.io-schema"
LABEL_CODE = "dev.modelway.code-digest"
LABEL_INTERPRETER = "dev.modelway.interpreter"
# SageMaker's: the server heeds SAGEMAKER_BIND_TO_PORT (docs/reference/container.md).
LABEL_ACCEPTS_PORT = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
LABEL_TITLE = "org.opencontainers.image.title"
LABEL_REVISION = "org.opencontainers.image.revision"
LABEL_SOURCE = "org.opencontainers.image.source"


@dataclass(frozen=True)
class Origin:
    """Where the code comes from: the commit's full hash, and the project's address or "" when unknown."""

    revision: str
    source: str = ""


@dataclass(frozen=True)
class BuiltImage:
    """An image ready to push."""

    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]

    @property
    def digest(self) -> str:
        """sha256 of the manifest: what jobs and endpoints name."""
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"


def read_io_schema(model_dir: Path) -> dict[str, Any]:
    """{"request": JSON Schema, "response": JSON Schema}, as committed. Raises UserError when absent or malformed."""
    path = model_dir / "schema" / "io.json"
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{path}: the I/O schema is missing", fix='commit {"request": …, "response": …}') from error
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}") from error
    names = set(document) - _SCHEMA_ANNOTATIONS if isinstance(document, dict) else set()
    if names != {"request", "response"} or not all(isinstance(document[name], dict) for name in names):
        raise UserError(f"{path}: must hold exactly 'request' and 'response', two JSON Schemas")
    return {name: document[name] for name in sorted(names)}


def program_files(model_dir: Path, spec: ModelSpec) -> list[tuple[str, Path]]:
    """The code layer's files: name in the image, file on disk."""
    source = model_dir / spec.source
    if not (source / "container.py").is_file():
        raise UserError(f"{source}/container.py is missing: the image has nothing to run", fix="modelway new PATH")
    files = tree(source, PROGRAM)
    files.append((f"{PROGRAM}/schema/io.json", model_dir / "schema" / "io.json"))
    return files


def build_image(model_dir: Path, spec: ModelSpec, dependencies: Dependencies, work: Path) -> BuiltImage:
    """Build the image of `model_dir` in `work`. Raises UserError for a repo that lacks a part."""
    work.mkdir(parents=True, exist_ok=True)
    files = program_files(model_dir, spec)
    marker = work / "modelway-base"
    marker.write_text(f"modelway process base, Python {dependencies.minor}\n")
    layers = (
        write_layer([("etc/modelway-base", marker)], work / "base.tar.gz"),
        dependencies.layer,
        write_layer(files, work / "code.tar.gz"),
    )
    labels = content_labels(model_dir, spec) | {LABEL_INTERPRETER: dependencies.minor, LABEL_ACCEPTS_PORT: "true"}
    config = _json(_config(layers, labels))
    return BuiltImage(manifest_of(config, layers), config, layers)


def content_labels(model_dir: Path, spec: ModelSpec) -> dict[str, str]:
    """Labels that follow from the folder's content: what the next push must know of this one."""
    return {
        LABEL_TITLE: spec.name,
        LABEL_SPEC: spec.canonical_json(),
        LABEL_SPEC_DIGEST: _digest(spec.canonical_json().encode()),
        LABEL_IO_SCHEMA: json.dumps(read_io_schema(model_dir), sort_keys=True, separators=(",", ":")),
        LABEL_CODE: content_digest(program_files(model_dir, spec)),
    }


def origin_labels(origin: Origin) -> dict[str, str]:
    """Labels that name the commit: the first one with this content, since equal content is not pushed again."""
    found = {LABEL_REVISION: origin.revision, LABEL_SOURCE: origin.source}
    return {name: value for name, value in found.items() if value}


def content_of(config: bytes) -> str:
    """A digest of what an image does: its config with the layers that it names, without the commit."""
    document = json.loads(config)
    labels = document["config"].get("Labels") or {}
    content = {name: value for name, value in labels.items() if name not in {LABEL_REVISION, LABEL_SOURCE}}
    return _digest(_json({**document, "config": {**document["config"], "Labels": content}}))


def manifest_of(config: bytes, layers: tuple[Layer, ...]) -> bytes:
    """The Docker v2 schema 2 manifest of a config and its layers."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": LAYER_TYPE, "size": part.size, "digest": part.digest} for part in layers],
    }
    return _json(manifest)


def _config(layers: tuple[Layer, ...], labels: dict[str, str]) -> dict[str, Any]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Entrypoint": ENTRYPOINT,
            "Env": [
                "PATH=/usr/local/bin:/usr/bin:/bin",
                f"PYTHONPATH=/{PROGRAM}:/{IMAGE_FOLDER}",
                "PYTHONUNBUFFERED=1",
            ],
            "ExposedPorts": {"8080/tcp": {}},
            "Labels": labels,
            "WorkingDir": f"/{PROGRAM}",
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created_by": "modelway package"} for _ in layers],
    }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
