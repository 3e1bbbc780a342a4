"""Admitted is shipped: an image, as an engine would unpack it, holds the admitted code and starts it as it should.

A Dockerfile may do anything while it is built, so only what came out is looked at: every layer is read in order, with
its deletions, and the files that are left are compared byte by byte with the admitted folder's.
Source: https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

from __future__ import annotations

import gzip
import hashlib
import json
import posixpath
import re
import sys
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from modelway.contracts import ModelSpec
from modelway.errors import UserError
from modelway.packaging.dependencies import IMAGE_FOLDER, distributions
from modelway.packaging.image import ENTRYPOINT, PROGRAM, BuiltImage, program_files
from modelway.packaging.layers import CHUNK, Layer

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
COMMANDS: list[list[str]] = [[], ["serve"]]
PATH_FOLDERS = frozenset({"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"})
PYTHONPATH = f"/{PROGRAM}:/{IMAGE_FOLDER}"
# What Python's official images set, and what the template's Dockerfile does: none of it brings code in.
HARMLESS_PYTHON = frozenset(
    {
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONHASHSEED",
        "PYTHON_VERSION",
        "PYTHON_SHA256",
        "PYTHON_PIP_VERSION",
        "PYTHON_SETUPTOOLS_VERSION",
        "PYTHON_GET_PIP_URL",
        "PYTHON_GET_PIP_SHA256",
    }
)
# Variables by which the linker, the C library or a shell runs code before the program does.
STARTS_CODE = re.compile(r"(LD_|GLIBC_|GCONV_|PYTHON|BASH_FUNC_).*|BASH_ENV|ENV|SHELLOPTS|LOCPATH|NLSPATH")
# Modules that Python imports by itself before the program (site.html in Python's library reference).
START_HOOKS = frozenset({"sitecustomize", "usercustomize"})
# setuptools' own, byte by byte, which Python's official images have.
KNOWN_PATH_FILE = (
    b"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
    b"enabled and __import__('_distutils_hack').add_shim();"
)
# A standard module's name that distributions use for their own tests, which nothing imports at a start.
SHADOWS_NOTHING = frozenset({"test"})


class NotAdmitted(UserError):
    """Raised when an image is not the admitted code, or would start something else."""


class File(NamedTuple):
    """A name in the image: what it is, from which layer, and of a regular file the content's digest."""

    kind: str
    layer: int
    sha256: str = ""
    content: bytes = b""


def require_admitted(
    image: BuiltImage, model_dir: Path, spec: ModelSpec, dependencies: Mapping[str, str] | None = None
) -> None:
    """Raises NotAdmitted naming every file and setting by which `image` is not the code of `model_dir`.

    `dependencies`: what admission ran with (`dependencies.installed`); the image must have the same, but for bytecode.
    """
    config: dict[str, Any] = json.loads(image.config).get("config") or {}
    files = unpacked(image.layers)
    wrong = [*_settings(config), *_code(files, model_dir, spec), *_hooks(files)]
    wrong += [] if dependencies is None else _dependencies(files, dependencies)
    if wrong:
        said = "\n".join(f"  {line}" for line in wrong)
        message = f"the image is not the code that was admitted from {model_dir}:\n{said}"
        raise NotAdmitted(message, fix="take the Dockerfile of `modelway new`: it copies the code and changes nothing")


# What the config says


def _settings(config: Mapping[str, Any]) -> Iterator[str]:
    for field, allowed in (("Entrypoint", [ENTRYPOINT]), ("Cmd", COMMANDS), ("WorkingDir", [f"/{PROGRAM}", ""])):
        value = config.get(field) or type(allowed[0])()
        if value not in allowed:
            yield f"{field} is {value}, not {allowed[0] or allowed[-1]}"
    for volume in config.get("Volumes") or {}:
        if _inside(_name(volume), "opt") or _name(volume) == "opt":
            yield f"the volume {volume} would hide the code"
    for item in config.get("Env") or []:
        name, _, value = item.partition("=")
        if why := _variable(name, value):
            yield f"Env {name}: {why}"


def _variable(name: str, value: str) -> str:
    if name == "PYTHONPATH":  # its absence would only fail to start
        return "" if value == PYTHONPATH else f"is {value!r}, not {PYTHONPATH!r}"
    if name == "PATH":
        foreign = [folder for folder in value.split(":") if folder not in PATH_FOLDERS]
        return f"looks for programs in {', '.join(map(repr, foreign))}" if foreign else ""
    if name not in HARMLESS_PYTHON and STARTS_CODE.fullmatch(name):
        return "can start other code than the model's"
    return ""


# What the layers hold


def unpacked(layers: tuple[Layer, ...]) -> dict[str, File]:
    """What is left of all layers, by name without a leading slash. Raises NotAdmitted for a layer that is not a tar."""
    files: dict[str, File] = {}
    parents: set[str] = set()
    for number, layer in enumerate(layers):
        added = _added(layer, number)
        for name in (name for name in added if posixpath.basename(name).startswith(WHITEOUT)):
            folder, base = posixpath.split(name)
            hidden = folder if base == OPAQUE else posixpath.join(folder, base.removeprefix(WHITEOUT))
            if base != OPAQUE:
                files.pop(hidden, None)
            _empty(files, hidden)
        for name, file in added.items():
            _refuse_way_through_link(name, files, added)
            if posixpath.basename(name).startswith(WHITEOUT):
                continue
            if file.kind != "folder" and name in parents:
                _empty(files, name)
            files[name] = file
            parents.update(_parents(name))
    return files


def _added(layer: Layer, number: int) -> dict[str, File]:
    """One layer by name. Raises NotAdmitted for a name that is there twice: engines differ in which one stays."""
    added: dict[str, File] = {}
    for name, file in _read(layer, number):
        if name in added and (file.kind, added[name].kind) != ("folder", "folder"):
            raise NotAdmitted(f"layer {layer.digest[:19]} has /{name} twice")
        added[name] = file
    return added


def _refuse_way_through_link(name: str, files: dict[str, File], added: dict[str, File]) -> None:
    """An engine may follow a link in a name's folders, so that the file arrives under a name that is not its own."""
    for folder in _parents(name):
        known = added.get(folder) or files.get(folder)
        if known is not None and known.kind != "folder":
            raise NotAdmitted(f"/{name} lies below /{folder}, which is a {known.kind}")


def _parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]


def _empty(files: dict[str, File], folder: str) -> None:
    for known in [known for known in files if _inside(known, folder)]:
        del files[known]


def _inside(name: str, folder: str) -> bool:
    return folder == "" or name.startswith(f"{folder}/")


def _name(path: str) -> str:
    """A path as the one spelling of it. Raises NotAdmitted for one that leaves the image's root."""
    if ".." in path.split("/"):
        raise NotAdmitted(f"the image has a file named {path!r}")
    return posixpath.normpath(f"/{path}").lstrip("/")


class _Digesting:
    """A stream that goes forward only, and hashes all that it passes. It reads nothing ahead."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._position = 0
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.sha256.update(data)
        self._position += len(data)
        return data

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        if position < self._position:
            raise tarfile.ReadError("a tar is read in one go")
        while self._position < position and self.read(min(CHUNK, position - self._position)):
            pass
        return self._position


def _read(layer: Layer, number: int) -> Iterator[tuple[str, File]]:
    """Each name of one layer. The tar must be the one that the config names, with nothing after its end."""
    try:
        with gzip.open(layer.path, "rb") as raw:
            stream = _Digesting(cast("IO[bytes]", raw))
            with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r:") as tar:
                for member in tar:
                    yield _name(member.name), _file(tar, member, number)
            while chunk := stream.read(CHUNK):
                if chunk.strip(b"\0"):
                    raise NotAdmitted(f"layer {layer.digest[:19]} goes on after the end of its tar")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise NotAdmitted(f"layer {layer.digest[:19]} is not a gzipped tar: {error}") from error
    if layer.diff_id != f"sha256:{stream.sha256.hexdigest()}":
        raise NotAdmitted(f"layer {layer.digest[:19]} is not the tar that the config names, {layer.diff_id[:19]}")


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo, number: int) -> File:
    if member.isdir():
        return File("folder", number)
    if member.issym() or member.islnk():
        return File(f"link to {member.linkname}", number)
    if not member.isreg():
        return File("device", number)
    source = tar.extractfile(member)
    digest, start = hashlib.sha256(), b""
    while source is not None and (chunk := source.read(CHUNK)):
        start = start or chunk[:CHUNK]
        digest.update(chunk)
    return File("file", number, digest.hexdigest(), start if member.name.endswith(".pth") else b"")


def _code(files: dict[str, File], model_dir: Path, spec: ModelSpec) -> Iterator[str]:
    admitted = {name: _sha256(path) for name, path in program_files(model_dir, spec)}
    beside = {**_beside(model_dir / spec.source, PROGRAM), **_beside(model_dir / "schema", f"{PROGRAM}/schema")}
    for name, digest in admitted.items():
        file = files.get(name)
        if file is None:
            yield f"/{name} is missing"
        elif file.kind != "file" or file.sha256 != digest:
            what = "has another content" if file.kind == "file" else f"is a {file.kind}"
            yield f"/{name} {what}"
    for name, file in files.items():
        if not _inside(name, PROGRAM) or file.kind == "folder" or name in admitted:
            continue
        if file.kind != "file" or beside.get(name) != file.sha256:
            yield f"/{name} is not in the admitted folder"


def _dependencies(files: dict[str, File], admitted: Mapping[str, str]) -> Iterator[str]:
    """Each distribution as a whole: its files are named in its own RECORD, and which of them differs helps nobody."""
    prefix = f"{IMAGE_FOLDER}/"
    held = {name.removeprefix(prefix): file for name, file in files.items() if name.startswith(prefix)}
    for name, file in held.items():
        if file.kind not in ("file", "folder"):
            yield f"/{prefix}{name} is a {file.kind}"
        folder, base = posixpath.split(name)
        source = f"{posixpath.dirname(folder)}/{base.split('.')[0]}.py".lstrip("/")
        if posixpath.basename(folder) == "__pycache__" and base.endswith(".pyc") and source not in held:
            yield f"/{prefix}{name} is bytecode without a source"
    shipped = distributions((name, file.sha256) for name, file in held.items() if file.kind == "file")
    for top in sorted(admitted.keys() | shipped.keys()):
        if admitted.get(top) != shipped.get(top):
            what = "missing" if top not in shipped else "other than" if top in admitted else "not among"
            yield f"/{prefix}{top} is {what}{'' if what == 'missing' else ' what the lock installed for admission'}"


def _beside(folder: Path, prefix: str) -> dict[str, str]:
    """Files of the folder that are no code layer's but may be copied along: nothing imports them under such a name."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    names = {path.relative_to(folder): path for path in files}
    return {
        f"{prefix}/{name.as_posix()}": _sha256(path)
        for name, path in names.items()
        if folder.name == "schema" or any(part.startswith(".") for part in name.parts)
        if name.suffix not in (".py", ".pyc", ".so")
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hooks(files: dict[str, File]) -> Iterator[str]:
    """What would run before the program: start-up modules above the first layer, path files, a shadowed library."""
    for name, file in files.items():
        folder, base = posixpath.split(name)
        module = base.split(".")[0]
        if file.layer and module in START_HOOKS:
            yield f"/{name} would run before the model's code"
        site = {"site-packages", "dist-packages"} & set(folder.split("/"))
        if site and base.endswith(".pth") and _imports(file):
            yield f"/{name} imports code before the model's"
        top = folder == IMAGE_FOLDER and file.kind != "folder" and base.endswith((".py", ".pyc", ".so"))
        package = posixpath.dirname(folder) == IMAGE_FOLDER and module == "__init__"
        shadowed = (posixpath.basename(folder) if package else module if top else "") in _STANDARD
        if shadowed:
            yield f"/{name} hides Python's own module"


_STANDARD = sys.stdlib_module_names - SHADOWS_NOTHING


def _imports(file: File) -> bool:
    """Whether a path file, as Python reads it, runs code that is not setuptools' well-known line."""
    lines = [line.strip() for line in file.content.splitlines() if line.startswith((b"import ", b"import\t"))]
    return any(line != KNOWN_PATH_FILE for line in lines)
