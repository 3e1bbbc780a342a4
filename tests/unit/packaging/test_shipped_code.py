"""Hostile images: whatever a Dockerfile does, the image holds the admitted code and starts it as the platform says."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from modelway.contracts.reading import read_model_spec
from modelway.packaging.dependencies import Dependencies, distributions
from modelway.packaging.image import BuiltImage, build_image, manifest_of
from modelway.packaging.layers import Layer, write_layer
from modelway.packaging.shipped_code import KNOWN_PATH_FILE, NotAdmitted, require_admitted, unpacked

EXAMPLE = Path(__file__).parents[3] / "examples" / "breast-cancer"
SPEC = read_model_spec(EXAMPLE / "model.yaml")
MODEL = (EXAMPLE / "src" / "model.py").read_bytes()


@pytest.fixture
def built(tmp_path: Path) -> BuiltImage:
    package = tmp_path / "package.py"
    package.write_text("")
    layer = write_layer([("opt/program-deps/package.py", package)], tmp_path / "deps.tar.gz")
    return build_image(EXAMPLE, SPEC, Dependencies(tmp_path, layer, "3.11"), tmp_path / "work")


def tar_of(members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def file(name: str, content: bytes = b"evil") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def folder(name: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info, b""


def as_layer(tar: bytes, path: Path) -> Layer:
    path.write_bytes(gzip.compress(tar, mtime=0))
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    return Layer(path, digest, f"sha256:{hashlib.sha256(tar).hexdigest()}", path.stat().st_size)


def with_layer(built: BuiltImage, layer: Layer) -> BuiltImage:
    config = json.loads(built.config)
    config["rootfs"]["diff_ids"].append(layer.diff_id)
    layers, text = (*built.layers, layer), json.dumps(config).encode()
    return BuiltImage(manifest_of(text, layers), text, layers)


def with_config(built: BuiltImage, **changes: Any) -> BuiltImage:
    config = json.loads(built.config)
    config["config"] |= changes
    text = json.dumps(config).encode()
    return BuiltImage(manifest_of(text, built.layers), text, built.layers)


def test_the_platforms_own_image_is_admitted(built: BuiltImage) -> None:
    require_admitted(built, EXAMPLE, SPEC)


CODE = {
    "another content": ([file("opt/program/model.py")], "/opt/program/model.py has another content"),
    "with a dot before it": ([file("./opt/program/model.py")], "/opt/program/model.py has another content"),
    "with slashes": ([file("/opt//program/./model.py")], "/opt/program/model.py has another content"),
    "outside the root": ([file("opt/../opt/program/model.py")], "a file named"),
    "a module beside": ([file("opt/program/numpy.py")], "/opt/program/numpy.py is not in the admitted folder"),
    "bytecode": (
        [file("opt/program/__pycache__/model.cpython-311.pyc")],
        "model.cpython-311.pyc is not in the admitted folder",
    ),
    "a package over the module": ([file("opt/program/model/__init__.py")], "is not in the admitted folder"),
    "a whiteout": ([file("opt/program/.wh.model.py", b"")], "/opt/program/model.py is missing"),
    "an opaque folder": ([file("opt/program/.wh..wh..opq", b"")], "/opt/program/container.py is missing"),
    "a whiteout of all": ([file(".wh.opt", b"")], "/opt/program/model.py is missing"),
    "a link": ([link("opt/program/model.py", "/evil.py")], "/opt/program/model.py is a link to /evil.py"),
    "a hard link": (
        [file("evil.py"), link("opt/program/model.py", "evil.py", tarfile.LNKTYPE)],
        "/opt/program/model.py is a link to evil.py",
    ),
    "a folder that is a link": ([link("opt/program", "/evil")], "/opt/program/model.py is missing"),
    "a way through a link": (
        [link("tmp/way", "/opt/program"), file("tmp/way/model.py")],
        "/tmp/way/model.py lies below /tmp/way, which is a link to /opt/program",
    ),
    "a name twice": (
        [file("opt/program/model.py", MODEL), file("opt/program/model.py")],
        "/opt/program/model.py twice",
    ),
    "a device": ([link("opt/program/model.py", "", tarfile.CHRTYPE)], "/opt/program/model.py is a device"),
    "sitecustomize": ([file("usr/lib/python3.11/sitecustomize.py")], "would run before the model's code"),
    "usercustomize as a package": (
        [file("opt/program-deps/usercustomize.cpython-311-x86_64-linux-gnu.so")],
        "would run before the model's code",
    ),
    "a path file that imports": (
        [file("usr/lib/python3/dist-packages/x.pth", b"import os; os.system('id')\n")],
        "imports code before the model's",
    ),
    "setuptools' path file, and more": (
        [file("usr/lib/python3/dist-packages/distutils-precedence.pth", KNOWN_PATH_FILE + b"\nimport evil\n")],
        "imports code before the model's",
    ),
    "a standard module": ([file("opt/program-deps/json.py")], "/opt/program-deps/json.py hides Python's own module"),
    "a standard package": (
        [file("opt/program-deps/json/__init__.py")],
        "/opt/program-deps/json/__init__.py hides Python's own module",
    ),
}


@pytest.mark.parametrize("name", CODE)
@pytest.mark.attack(
    attacker="author of a model repo",
    tries="replaces, hides or precedes the admitted code by a step of the Dockerfile",
    stopped_by="before the push the layers are flattened and compared with the admitted folder, file by file",
)
def test_a_layer_that_changes_what_runs_is_refused(built: BuiltImage, tmp_path: Path, name: str) -> None:
    members, said = CODE[name]
    image = with_layer(built, as_layer(tar_of(members), tmp_path / "evil.tar.gz"))
    with pytest.raises(NotAdmitted) as caught:
        require_admitted(image, EXAMPLE, SPEC)
    assert said in caught.value.message


HARMLESS = {
    "other files": [file("usr/lib/libgomp.so.1"), folder("opt/ml")],
    "the same file again": [file("opt/program/model.py", MODEL)],
    "a file of schema/ that the folder has": [
        file("opt/program/schema/io.json", (EXAMPLE / "schema" / "io.json").read_bytes())
    ],
    "a whiteout elsewhere": [file("etc/.wh.modelway-base", b"")],
    "setuptools' own path file": [
        file("usr/lib/python3/dist-packages/distutils-precedence.pth", KNOWN_PATH_FILE + b" \n")
    ],
    "a path file that only names folders": [file("usr/lib/python3/site-packages/x.pth", b"# a comment\n/opt/x\n")],
    "a distribution's own tests": [file("opt/program-deps/test/__init__.py")],
    "a standard module's name inside a package": [file("opt/program-deps/package/json.py")],
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_nothing_of_the_code_is_taken(built: BuiltImage, tmp_path: Path, name: str) -> None:
    require_admitted(with_layer(built, as_layer(tar_of(HARMLESS[name]), tmp_path / "l.tar.gz")), EXAMPLE, SPEC)


SETTINGS: dict[str, dict[str, Any]] = {
    "Entrypoint is": {"Entrypoint": ["python", "/evil.py"]},
    "Entrypoint is ['sh'": {"Entrypoint": ["sh", "-c", "python /opt/program/container.py"]},
    "Entrypoint is ['python', '-i'": {"Entrypoint": ["python", "-i", "/opt/program/container.py"]},
    "Entrypoint is []": {"Entrypoint": None},
    "Cmd is": {"Cmd": ["train", "--evil"]},
    "WorkingDir is": {"WorkingDir": "/evil"},
    "the volume": {"Volumes": {"/opt/program": {}}},
    "Env PYTHONPATH": {"Env": ["PYTHONPATH=/evil:/opt/program:/opt/program-deps"]},
    "Env PYTHONSTARTUP": {"Env": ["PYTHONSTARTUP=/evil.py"]},
    "Env PYTHONHOME": {"Env": ["PYTHONHOME=/evil"]},
    "Env PYTHONUSERBASE": {"Env": ["PYTHONUSERBASE=/evil"]},
    "Env LD_PRELOAD": {"Env": ["LD_PRELOAD=/evil.so"]},
    "Env LD_LIBRARY_PATH": {"Env": ["LD_LIBRARY_PATH=/evil"]},
    "Env GCONV_PATH": {"Env": ["GCONV_PATH=/evil"]},
    "Env BASH_ENV": {"Env": ["BASH_ENV=/evil.sh"]},
    "Env PATH": {"Env": ["PATH=/evil:/usr/bin"]},
    "Env PATH: looks for programs in ''": {"Env": ["PATH=:/usr/bin"]},
}


@pytest.mark.parametrize("said", SETTINGS)
@pytest.mark.attack(
    attacker="author of a model repo",
    tries="starts other code by the image's entrypoint, command, user, folder, volumes or variables",
    stopped_by="the image's config is as the platform says, or refused by the setting's name",
)
def test_a_setting_that_starts_other_code_is_refused(built: BuiltImage, said: str) -> None:
    with pytest.raises(NotAdmitted) as caught:
        require_admitted(with_config(built, **SETTINGS[said]), EXAMPLE, SPEC)
    assert said in caught.value.message


def test_a_models_own_variables_are_its_own(built: BuiltImage) -> None:
    env = [*json.loads(built.config)["config"]["Env"], "OMP_NUM_THREADS=1", "PYTHONHASHSEED=0", "LANG=C.UTF-8"]
    require_admitted(with_config(built, Env=env, Cmd=["serve"]), EXAMPLE, SPEC)


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="has a layer read in one way when it is checked and in another when it is unpacked",
    stopped_by="a layer is the very tar that the config names, and nothing follows its end",
)
def test_a_layer_that_can_be_read_in_two_ways_is_refused(built: BuiltImage, tmp_path: Path) -> None:
    harmless = tar_of([file("etc/motd")])
    twice = as_layer(harmless + tar_of([file("opt/program/model.py")]), tmp_path / "twice.tar.gz")
    with pytest.raises(NotAdmitted, match="goes on after the end of its tar"):
        require_admitted(with_layer(built, twice), EXAMPLE, SPEC)
    other = as_layer(harmless, tmp_path / "other.tar.gz")
    lying = Layer(other.path, other.digest, "sha256:" + "0" * 64, other.size)
    with pytest.raises(NotAdmitted, match="is not the tar that the config names"):
        require_admitted(with_layer(built, lying), EXAMPLE, SPEC)
    (tmp_path / "text.gz").write_bytes(b"no gzip")
    with pytest.raises(NotAdmitted, match="is not a gzipped tar"):
        unpacked((Layer(tmp_path / "text.gz", "sha256:1", "sha256:1", 7),))


def test_a_hidden_file_of_the_folder_may_be_copied_along(built: BuiltImage, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(EXAMPLE, repo)
    (repo / "src" / ".keep").write_text("kept")
    require_admitted(
        with_layer(built, as_layer(tar_of([file("opt/program/.keep", b"kept")]), tmp_path / "a")), repo, SPEC
    )
    other = with_layer(built, as_layer(tar_of([file("opt/program/.keep", b"else")]), tmp_path / "b"))
    with pytest.raises(NotAdmitted, match=r"/opt/program/\.keep is not in the admitted folder"):
        require_admitted(other, repo, SPEC)


ADMITTED = distributions([("package.py", hashlib.sha256(b"").hexdigest())])
DEPENDENCIES = {
    "another content": ([file("opt/program-deps/package.py")], "package.py is other than what the lock installed"),
    "one more": ([file("opt/program-deps/evil/__init__.py")], "evil is not among what the lock installed"),
    "one less": ([file("opt/program-deps/.wh.package.py", b"")], "package.py is missing"),
    "a link": ([link("opt/program-deps/more.py", "/evil.py")], "more.py is a link to /evil.py"),
    "bytecode alone": (
        [file("opt/program-deps/__pycache__/more.cpython-311.pyc")],
        "more.cpython-311.pyc is bytecode without a source",
    ),
    "bytecode in a source's place": ([file("opt/program-deps/more.pyc")], "more.pyc is not among what"),
    "a note as a package": ([file("opt/program-deps/RECORD/__init__.py")], "RECORD is not among what"),
}


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="changes, adds or leaves out a dependency by a step of the Dockerfile, so that untried code runs",
    stopped_by="/opt/program-deps is compared with what the lock installed for the admission test",
)
@pytest.mark.parametrize("name", DEPENDENCIES)
def test_other_dependencies_than_the_locks_are_refused(built: BuiltImage, tmp_path: Path, name: str) -> None:
    members, said = DEPENDENCIES[name]
    image = with_layer(built, as_layer(tar_of(members), tmp_path / "l.tar.gz"))
    with pytest.raises(NotAdmitted, match=re.escape(said)):
        require_admitted(image, EXAMPLE, SPEC, ADMITTED)


def test_what_pip_and_uv_do_differently_is_no_other_dependency(built: BuiltImage, tmp_path: Path) -> None:
    notes = ["a.dist-info/RECORD", "a.dist-info/INSTALLER", "bin/tool", "__pycache__/package.cpython-311.pyc"]
    members = [file(f"opt/program-deps/{name}") for name in notes]
    require_admitted(with_layer(built, as_layer(tar_of(members), tmp_path / "l.tar.gz")), EXAMPLE, SPEC, ADMITTED)


def test_every_fault_is_named_at_once(built: BuiltImage, tmp_path: Path) -> None:
    members = [file("opt/program/model.py"), file("opt/program/more.py")]
    image = with_layer(built, as_layer(tar_of(members), tmp_path / "evil.tar.gz"))
    with pytest.raises(NotAdmitted) as caught:
        require_admitted(with_config(image, Cmd=["evil"]), EXAMPLE, SPEC)
    assert caught.value.message.count("\n") == 3


def test_the_folder_decides(built: BuiltImage, tmp_path: Path) -> None:
    """The image is compared with what lies there now, not with what its labels say of it."""
    repo = tmp_path / "repo"
    shutil.copytree(EXAMPLE, repo)
    require_admitted(built, repo, SPEC)
    (repo / "src" / "model.py").write_text("# later")
    with pytest.raises(NotAdmitted, match=r"/opt/program/model\.py has another content"):
        require_admitted(built, repo, SPEC)
