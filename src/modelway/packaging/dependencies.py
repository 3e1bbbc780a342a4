"""A model's locked dependencies, installed once per lock and interpreter, and kept as a layer.

Nothing is fetched when a job starts: the layer travels in the image.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from modelway.admission.unprivileged import hand_over, own_user
from modelway.errors import PlatformError, UserError
from modelway.packaging.layers import Layer, write_layer

IMAGE_FOLDER = "opt/program-deps"
# Part of the cache's key: raise it when a layer is made in another way.
LAYOUT = 2
# What an installer notes about itself: it differs between machines and nothing reads it in an image.
_NOTES = frozenset({".lock", "RECORD", "direct_url.json", "INSTALLER", "REQUESTED"})
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Dependencies:
    """What a requirements file installs: `folder` to import from, `layer` to ship."""

    folder: Path
    layer: Layer
    minor: str


def cache_folder() -> Path:
    """Where layers are kept between runs; safe to delete."""
    base = os.environ.get("MODELWAY_CACHE") or Path.home() / ".cache" / "modelway"
    return Path(base) / "dependencies"


def running_minor() -> str:
    """Minor version of this interpreter, e.g. 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def install(requirements: Path, on_progress: Progress = lambda _: None) -> Dependencies:
    """The dependencies of `requirements`, from the cache or installed now.

    Raises UserError when they cannot be resolved or built, PlatformError when uv is not installed.
    """
    try:
        text = requirements.read_bytes()
    except OSError as error:
        message = f"{requirements}: the locked requirements cannot be read ({error.strerror})"
        raise UserError(message, fix="uv pip compile requirements.in -o requirements.txt") from error
    minor = running_minor()
    key = hashlib.sha256(f"{LAYOUT}\0{minor}\0{sys.platform}\0{platform.machine()}\0".encode() + text).hexdigest()[:20]
    done = cache_folder() / key
    if not (done / "layer.json").exists():
        with _locked(done.with_name(f".{key}.lock")):
            if not (done / "layer.json").exists():  # another process may have filled it while this one waited
                _fill(requirements, done, on_progress)
    facts = json.loads((done / "layer.json").read_text())
    return Dependencies(done / "packages", Layer(done / "layer.tar.gz", **facts), minor)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold `path` against other threads and processes; the system lets go of it when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fill(requirements: Path, done: Path, on_progress: Progress) -> None:
    partial = done.with_name(f".{done.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    packages = partial / "packages"
    packages.mkdir(parents=True)
    on_progress(f"installing {requirements.name} (once for this lock)")
    _uv_install(requirements, packages)
    on_progress("compiling bytecode")
    _compile(packages)
    on_progress("packing the dependency layer")
    files = [
        (f"{IMAGE_FOLDER}/{path.relative_to(packages).as_posix()}", path)
        for path in packages.rglob("*")
        if path.is_file() and _ships(path.relative_to(packages))
    ]
    layer = write_layer(files, partial / "layer.tar.gz")
    facts = {"digest": layer.digest, "diff_id": layer.diff_id, "size": layer.size}
    (partial / "layer.json").write_text(json.dumps(facts))
    shutil.rmtree(done, ignore_errors=True)
    partial.rename(done)


def _ships(path: PurePath) -> bool:
    """Whether a file goes into the image. Console scripts do not: they name the interpreter of this machine."""
    return path.parts[0] != "bin" and path.name not in _NOTES


def distributions(files: Iterable[tuple[str, str]]) -> dict[str, str]:
    """sha256 for each top-level name of a dependency folder, from (name within it, sha256 of its content) pairs.

    An installer's notes, console scripts and bytecode are left out: they differ where the same wheels were installed.
    """
    digests: dict[str, Any] = defaultdict(hashlib.sha256)
    for name, digest in sorted(files):
        path = PurePosixPath(name)
        if _ships(path) and not (path.suffix == ".pyc" and path.parent.name == "__pycache__"):
            digests[path.parts[0]].update(f"{name}\0{digest}\0".encode())
    return {top: f"sha256:{digest.hexdigest()}" for top, digest in digests.items()}


def installed(folder: Path) -> dict[str, str]:
    """`distributions` of an installed folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return distributions(
        (path.relative_to(folder).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files
    )


def _uv_install(requirements: Path, target: Path) -> None:
    """From uv's cache first, so that a machine without a network works once it is warm; from wheels before sources.

    A wheel is unpacked, a source distribution runs its author's code to be built: that gets none of our variables, and
    a user and a cache of its own where we are root.
    """
    command = [_uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target)]
    command += ["--no-config", "--link-mode", "copy", "-r", str(requirements)]
    for more in (["--no-build", "--offline"], ["--no-build"]):
        if subprocess.run([*command, *more], capture_output=True, check=False, env=_kept()).returncode == 0:
            return
    result = _build(command, requirements, target)
    if result.returncode != 0:
        message = f"{requirements}: the dependencies cannot be installed:\n{result.stderr.strip()[-2000:]}"
        raise UserError(message, fix="correct the file and lock it again: uv pip compile requirements.in")


def _build(command: list[str], requirements: Path, target: Path) -> subprocess.CompletedProcess[str]:
    environment = _kept()
    own = own_user((Path(command[0]), Path(sys.executable), requirements, target))
    if own:
        scratch = target.with_name("uv-cache")
        scratch.mkdir()
        hand_over(target)
        hand_over(scratch)
        environment |= {"HOME": str(scratch), "UV_CACHE_DIR": str(scratch / "cache")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **own)


def _kept() -> dict[str, str]:
    """Our variables without those of GitLab, AWS and the platform: tokens are among them."""
    secret = ("CI_", "GITLAB_", "AWS_", "MODELWAY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(secret)}


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise PlatformError("uv is not installed beside this Python", fix="pip install 'modelway[cli]'")
    return found


def _compile(folder: Path) -> None:
    """Bytecode that is trusted by content: layers fix every file's time, which would make dated bytecode stale."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "-s", str(folder), "-p", f"/{IMAGE_FOLDER}"]
    # Packages may ship files of other Python versions that do not compile; that harms nobody.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run(
        [*command, "--invalidation-mode", "unchecked-hash", "-x", r"/tests?/", str(folder)],
        capture_output=True,
        check=False,
        env=environment,
    )
