"""A Docker engine in place of processes: `modelway up --runtime docker`.

An image is handed to the engine as an archive made of the registry's own blobs, so the engine needs no registry to
trust. Containers share this machine's network, since a server is told a port of 127.0.0.1, unless a job is isolated
from it; they get no capabilities, and /opt/ml is the folder of the job or server.

Sources: `docker run`, `docker load`, and the Docker image specification v1.2.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from modelway.errors import UserError
from modelway_local.registry.store import ImageNotFound, RegistryStore, UnpackedImage

HOME_LABEL = "dev.modelway.home"
ANSWER_SECONDS = 20.0


class Runtime(StrEnum):
    """What a job or a server is on this machine."""

    PROCESS = "process"
    DOCKER = "docker"


# The supervisor's word to the gateway: one of these two.
RUNTIME_VARIABLE = "MODELWAY_LOCAL_RUNTIME"


def require() -> None:
    """Raises UserError unless a Docker engine answers."""
    if shutil.which("docker") is None:
        raise UserError("--runtime docker: there is no docker on the PATH", fix="install Docker, or --runtime process")
    try:
        answer = _docker("version", "--format", "{{.Server.Version}}")
    except subprocess.TimeoutExpired as error:
        late = f"--runtime docker: the engine did not answer within {ANSWER_SECONDS:.0f} s"
        raise UserError(late, fix="start Docker, or --runtime process") from error
    if answer.returncode:
        said = answer.stderr.strip().splitlines()[-1:] or ["no answer"]
        raise UserError(f"--runtime docker: no engine answers: {said[0]}", fix="start Docker, or --runtime process")


def sweep(home: Path) -> None:
    """End the containers that this stack's folder started: an engine's containers outlive who asked for them."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        found = _docker("ps", "--all", "--quiet", "--filter", f"label={HOME_LABEL}={home}").stdout.split()
        if found:
            _docker("rm", "--force", *found)


def unpacker(store: RegistryStore, runtime: Runtime) -> Callable[[str], UnpackedImage]:
    """`store.unpack`; with an engine the image is given to it as well."""
    return store.unpack if runtime is Runtime.PROCESS else _Loader(store)


class _Loader:
    """Unpacks an image and loads it into the engine, once for each digest."""

    def __init__(self, store: RegistryStore) -> None:
        self._store, self._lock = store, threading.Lock()

    def __call__(self, image_uri: str) -> UnpackedImage:
        """Raises ImageNotFound, also for an image that brings no base, which no engine could start."""
        image = self._store.unpack(image_uri)
        if not image.has_base:
            fix = "build it with MODELWAY_BUILDER=buildah, or start the stack without --runtime docker"
            raise ImageNotFound(f"{image_uri} brings no base that an engine could start; {fix}")
        tag = f"modelway-local:{image.digest.removeprefix('sha256:')}"
        with self._lock:
            if _docker("image", "inspect", tag).returncode:
                self._load(image_uri, image, tag)
        return replace(image, engine_tag=tag)

    def _load(self, image_uri: str, image: UnpackedImage, tag: str) -> None:
        command = ["docker", "load", "--quiet"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin is not None  # noqa: S101 - PIPE was asked for
            assert process.stderr is not None  # noqa: S101
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                write_archive(stdin, image.config, [self._store.blob(layer) for layer in image.layers], tag)
            said = process.stderr.read().decode(errors="replace").strip()
        if process.returncode:
            raise ImageNotFound(f"{image_uri}: the engine does not take it: {said[-300:]}")


def write_archive(stream: Any, config: Mapping[str, Any], layers: Sequence[Path], tag: str) -> None:
    """An image as `docker load` reads it: manifest.json, the config and the layers, as they are in the registry."""
    names = [f"{index}/layer.tar" for index in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": names}]
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        for name, document in (("manifest.json", manifest), ("config.json", config)):
            body = json.dumps(document).encode()
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
        for name, path in zip(names, layers, strict=True):
            archive.add(path, name, recursive=False)


def run_command(
    image: UnpackedImage,
    name: str,
    base_dir: Path,
    user: str,
    environment: Mapping[str, str],
    command: Sequence[str],
    *,
    network: str = "host",
) -> tuple[list[str], dict[str, str]]:
    """`docker run` of `command`, and the environment to call it in: no list of processes shows the values."""
    home = next((folder.parent for folder in base_dir.parents if folder.name == "work"), base_dir)
    options = {
        "--name": name,
        "--network": network,
        "--user": user,
        "--cap-drop": "ALL",
        "--security-opt": "no-new-privileges",
        "--label": f"{HOME_LABEL}={home}",
        "--volume": f"{base_dir}:/opt/ml",
        "--entrypoint": command[0],
    }
    flags = [part for pair in options.items() for part in pair]
    # PATH and the like differ between the docker command and the container, so those are written out.
    own = client_environment()
    given = [f"--env={key}={value}" if key in own else f"--env={key}" for key, value in environment.items()]
    return ["docker", "run", *flags, *given, image.engine_tag, *command[1:]], {**environment, **own}


def remove(name: str) -> None:
    """End a container at once and forget it; nothing when there is none."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        _docker("rm", "--force", name)


def exit_code(name: str, of_the_command: int) -> int:
    """Exit code of a container that has ended; `docker run`'s own where it was never made."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired, ValueError):
        return int(_docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout)
    return of_the_command


def process_of(name: str) -> int:
    """Id of the container's first process on this machine; 0 when it does not run."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired, ValueError):
        return int(_docker("inspect", "--format", "{{.State.Pid}}", name).stdout.strip() or 0)
    return 0


def client_environment() -> dict[str, str]:
    """What the docker command needs of ours to find its engine."""
    kept = ("PATH", "HOME", "XDG_RUNTIME_DIR")
    return {name: value for name, value in os.environ.items() if name in kept or name.startswith("DOCKER_")}


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
