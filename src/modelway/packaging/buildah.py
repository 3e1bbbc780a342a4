"""The whole image of a model, from its Dockerfile: built by buildah without a daemon, and as root only in its own view.

Equal content has equal layers: every file's time is the epoch, so another machine or an empty cache gives the same.
Only the config differs, in the labels that say which commit it was built from first (see `image.content_of`).
Sources: buildah-build(1), buildah-push(1).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.contracts import ModelSpec
from modelway.errors import PlatformError, UserError
from modelway.packaging.dependencies import Progress, cache_folder
from modelway.packaging.image import (
    MANIFEST_TYPE,
    BuiltImage,
    Origin,
    content_labels,
    manifest_of,
    origin_labels,
)
from modelway.packaging.layers import Layer, compress
from modelway.packaging.shipped_code import require_admitted

EPOCH = "0"
# What buildah prints when the base, not the Dockerfile, is at fault.
BASE_FAILS = ("initializing source", "creating build container", "unable to pull", "Error reading manifest")
LAST_LINES = 15
STEP_WIDTH = 100
# What an engine needs to run an image. The rest names the container that built it, and differs each time.
PLATFORM_LABELS = "dev.modelway."
RUN_FIELDS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "StopSignal", "Healthcheck")
HISTORY_FIELDS = ("created_by", "empty_layer")
# Without this right root's buildah makes a user namespace of its own, on a privileged runner too. From there no process
# outside can be read, whatever its user: ptrace(2), "Ptrace access mode checking".
OWN_NAMESPACE = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")


@dataclass(frozen=True)
class Build:
    """One build: `python` is the minor version that the admission test ran with, e.g. 3.11."""

    model_dir: Path
    spec: ModelSpec
    origin: Origin
    python: str
    base_image: str = ""
    storage_driver: str = "vfs"
    ca_bundle: str = ""


def build(wanted: Build, on_progress: Progress) -> BuiltImage:
    """Build and export. Raises UserError for a Dockerfile that fails or ships other code, PlatformError for a base."""
    if shutil.which("buildah") is None:
        raise PlatformError("buildah is not installed", fix="apt-get install buildah, or set MODELWAY_BUILDER=layers")
    if not (wanted.model_dir / "Dockerfile").is_file():
        raise UserError(f"{wanted.model_dir}/Dockerfile is missing", fix="take the one of `modelway new`")
    labels = content_labels(wanted.model_dir, wanted.spec) | origin_labels(wanted.origin)
    with tempfile.TemporaryDirectory(prefix="modelway-buildah-") as folder:
        identifier = Path(folder) / "id"
        _build(build_command(wanted, identifier), wanted, on_progress)
        on_progress("exporting the image")
        exported = Path(folder) / "image"
        tool = ["buildah", "--storage-driver", wanted.storage_driver]
        image = identifier.read_text().strip()
        _run([*tool, "push", "--quiet", "--disable-compression", "--format", "v2s2", image, f"dir:{exported}"])
        built = _imported(exported, labels, wanted.model_dir / "Dockerfile", on_progress)
    require_admitted(built, wanted.model_dir, wanted.spec)
    return built


def build_command(wanted: Build, identifier: Path) -> list[str]:
    """The call of buildah: no daemon, no privilege, Docker's format, a layer cache, nothing that depends on the day."""
    arguments = {"PYTHON_VERSION": wanted.python, "BASE_IMAGE": wanted.base_image}
    command = ["buildah", "--storage-driver", wanted.storage_driver, "build"]
    command += [
        "--isolation",
        "chroot",
        # Who may call chroot(2) leaves a chroot by it.
        "--cap-drop=CAP_SYS_CHROOT",
        "--format",
        "docker",
        "--layers",
        "--timestamp",
        EPOCH,
        "--identity-label=false",
    ]
    command += [f"--build-arg={name}={value}" for name, value in arguments.items() if value]
    if wanted.ca_bundle:
        command.append(f"--volume={wanted.ca_bundle}:/etc/ssl/certs/ca-certificates.crt:ro")
    return [*command, "--iidfile", str(identifier), str(wanted.model_dir)]


def _build(command: list[str], wanted: Build, on_progress: Progress) -> None:
    last: deque[str] = deque(maxlen=LAST_LINES)
    command = [*(OWN_NAMESPACE if os.geteuid() == 0 else ()), *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environ()) as run:
        assert run.stdout is not None  # noqa: S101 - PIPE was asked for
        for line in run.stdout:
            last.append(line.rstrip())
            if line.startswith("STEP"):
                on_progress(line.strip()[:STEP_WIDTH])
    if run.returncode == 0:
        return
    said = "\n".join(last)
    if any(words in said for words in BASE_FAILS):
        message = f"the base image {wanted.base_image or 'of the Dockerfile'} cannot be had:\n{said}"
        raise PlatformError(message, fix="set MODELWAY_BASE_IMAGE to an image that this machine reaches")
    raise UserError(f"{wanted.model_dir}/Dockerfile does not build:\n{said}", fix="mend the step that failed")


def _environ() -> dict[str, str]:
    """Nothing of the job's tokens: a RUN step is the model team's code."""
    kept = ("PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "REGISTRY_AUTH_FILE", "LANG")
    proxies = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    return {name: os.environ[name] for name in (*kept, *proxies) if name in os.environ}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environ())
    if done.returncode != 0:
        raise PlatformError(f"{' '.join(command[:4])} failed: {done.stderr.strip()[-1000:]}", fix="run the job again")


def _imported(exported: Path, labels: dict[str, str], dockerfile: Path, on_progress: Progress) -> BuiltImage:
    manifest: dict[str, Any] = json.loads((exported / "manifest.json").read_text())
    if (kind := manifest.get("mediaType")) != MANIFEST_TYPE:
        raise PlatformError(f"buildah made {kind}; SageMaker needs {MANIFEST_TYPE}")
    config = labelled(
        (exported / manifest["config"]["digest"].removeprefix("sha256:")).read_bytes(), labels, dockerfile
    )
    layers = tuple(_compressed(exported, part["digest"], on_progress) for part in manifest["layers"])
    return BuiltImage(manifest_of(config, layers), config, layers)


def labelled(config: bytes, labels: dict[str, str], dockerfile: Path) -> bytes:
    """The config with the platform's labels, which win over the Dockerfile's.

    Set here rather than by `--label`, where a `$` in a value would be read as a variable. Raises UserError for what
    SageMaker and the platform could not run, naming the Dockerfile.
    """
    document = json.loads(config)
    container = document["config"]
    if not container.get("Entrypoint"):
        raise UserError(f"{dockerfile}: the image has no ENTRYPOINT", fix="take the one of `modelway new`")
    made = {name: container[name] for name in RUN_FIELDS if container.get(name)}
    history = [{key: step[key] for key in HISTORY_FIELDS if key in step} for step in document.get("history", [])]
    kept = {
        **{name: document[name] for name in ("architecture", "os", "variant", "rootfs") if name in document},
        "config": {**made, "Labels": {**_foreign(container.get("Labels") or {}), **labels}},
        "history": history,
    }
    return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()


def _foreign(labels: dict[str, str]) -> dict[str, str]:
    """A Dockerfile's labels without those that are the platform's to give: they decide how an image is run."""
    return {name: value for name, value in labels.items() if not name.startswith(PLATFORM_LABELS)}


def _compressed(exported: Path, diff_id: str, on_progress: Progress) -> Layer:
    """A layer's tar gzipped, once for each content: most layers are those of the build before."""
    name = diff_id.removeprefix("sha256:")
    kept = cache_folder().parent / "image-layers" / f"{name}.tar.gz"
    if not kept.exists():
        on_progress(f"compressing layer {name[:12]}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        compress(exported / name, kept)
    with kept.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(kept, f"sha256:{digest}", diff_id, kept.stat().st_size)
