"""A command of an image in a Docker engine: the one of this machine, or podman's Docker API where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from modelway_local.registry.store import ImageNotFound, RegistryStore, UnpackedImage
from modelway_local.runtime import engine
from modelway_local.runtime.container import Container

from tests.container.conftest import install_tools

pytestmark = pytest.mark.container
NAME = "modelway/base"
SCRIPT = """
import json, os, sys, time
open("/opt/ml/model/made", "w").write("by the container")
facts = {"uid": os.getuid(), "input": open("/opt/ml/input/word").read(), "secret": os.environ["SECRET"],
         "path": os.environ["PATH"], "root": sorted(os.listdir("/")),
         "capabilities": [l for l in open("/proc/self/status") if l.startswith("CapEff")][0].split()[1]}
print("FACTS " + json.dumps(facts), flush=True)
time.sleep(float(sys.argv[1]))
sys.exit(7)
"""
# Where a container may not raise its limits (it may be in one already), runc is started without any.
RUNC_WITHOUT_LIMITS = """#!{python}
import json, os, sys
if "create" in sys.argv:
    path = os.path.join(sys.argv[sys.argv.index("--bundle") + 1], "config.json")
    config = json.load(open(path))
    config["process"].pop("rlimits", None)
    json.dump(config, open(path, "w"))
os.execvp("{runc}", ["runc", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Docker engine that answers."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker command")
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0:
        yield
        return
    install_tools("podman", "runc")
    folder = tmp_path_factory.mktemp("podman")
    runc = folder / "runc"
    runc.write_text(RUNC_WITHOUT_LIMITS.format(python=sys.executable, runc=shutil.which("runc")))
    runc.chmod(0o755)
    places = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--runtime", str(runc)]
    kind = ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]
    address = f"unix://{folder}/engine.sock"
    service = subprocess.Popen(["podman", *places, *kind, "system", "service", "--time", "0", address])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", address)
        deadline = time.monotonic() + 30
        while subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
            assert service.poll() is None, "podman does not serve"
            assert time.monotonic() < deadline, "podman does not answer"
            time.sleep(0.2)
        if subprocess.run(["podman", *places, *kind, "info"], capture_output=True, check=False).returncode:
            pytest.skip("podman does not work on this machine")
        try:
            yield
        finally:
            service.terminate()
            service.wait(10)


@pytest.fixture(scope="module")
def store(pushed: Path, tmp_path_factory: pytest.TempPathFactory) -> RegistryStore:
    """A registry that holds the base image."""
    folder = tmp_path_factory.mktemp("registry")
    made = RegistryStore(folder / "home")
    made.create_repository(NAME, {"repositoryName": NAME})
    body = (pushed / "manifest.json").read_bytes()
    manifest = json.loads(body)
    for part in (manifest["config"], *manifest["layers"]):
        upload = made.new_upload()
        digest = part["digest"]
        shutil.copyfile(pushed / digest.removeprefix("sha256:"), made.upload(upload))
        made.finish_upload(upload, digest)
    made.put_manifest(NAME, "1.0.0", body)
    return made


@pytest.fixture(scope="module")
def image(docker: None, store: RegistryStore) -> UnpackedImage:
    """The base image, given to the engine."""
    return engine.unpacker(store, engine.Runtime.DOCKER)(f"127.0.0.1/{NAME}:1.0.0")


def started(image: UnpackedImage, home: Path, seconds: str) -> tuple[Container, Path, list[str], threading.Event]:
    base_dir = home / "work" / "training-job" / "a"
    for name in ("input", "model"):
        (base_dir / name).mkdir(parents=True)
    (base_dir / "input" / "word").write_text("hello")
    (base_dir / "input" / "script.py").write_text(SCRIPT)
    lines: list[str] = []
    said = threading.Event()

    def keep(line: str) -> None:
        lines.append(line)
        if line.startswith("FACTS"):
            said.set()

    container = Container(
        image,
        ["/opt/ml/input/script.py", seconds],
        base_dir=base_dir,
        environment={"SECRET": "s3cret"},
        interpreters=home,
        entrypoint=["python3"],
        on_line=keep,
    )
    container.start()
    return container, base_dir, lines, said


def test_a_command_runs_with_its_folder_and_without_privileges(image: UnpackedImage, tmp_path: Path) -> None:
    container, base_dir, lines, _ = started(image, tmp_path, "0")
    code = container.wait(60, threading.Event())
    assert code == 7, lines
    facts: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("FACTS"))[6:])
    assert facts["input"] == "hello"
    assert facts["secret"] == "s3cret"
    assert set(facts["root"]) - {".dockerenv", ".containerenv"} == {
        *(path.name for path in image.rootfs.iterdir()),
        "dev",
        "proc",
        "sys",
        "run",
    }
    assert int(facts["capabilities"], 16) == 0
    assert facts["path"] != os.environ["PATH"]
    assert (base_dir / "model" / "made").read_text() == "by the container"


def test_what_is_stopped_is_gone_and_no_list_shows_its_values(image: UnpackedImage, tmp_path: Path) -> None:
    container, _, lines, said = started(image, tmp_path, "300")
    assert said.wait(60), lines
    first = psutil.Process(container.process_id())
    assert container.process is not None
    assert "s3cret" not in " ".join(psutil.Process(container.process.pid).cmdline())
    container.stop()
    assert not first.is_running()


def test_what_a_killed_gateway_left_is_swept(image: UnpackedImage, tmp_path: Path) -> None:
    container, _, lines, said = started(image, tmp_path, "300")
    assert said.wait(60), lines
    first = psutil.Process(container.process_id())
    assert container.process is not None
    container.process.kill()
    engine.sweep(tmp_path / "other")
    assert first.is_running()
    engine.sweep(tmp_path)
    assert not first.is_running()


def test_an_image_without_a_base_is_refused(docker: None, tmp_path: Path) -> None:
    store = RegistryStore(tmp_path)
    store.create_repository(NAME, {"repositoryName": NAME})
    config = json.dumps({"config": {"Labels": {"dev.modelway.interpreter": "3.11"}}}).encode()
    upload = store.new_upload()
    store.upload(upload).write_bytes(config)
    import hashlib

    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    store.finish_upload(upload, digest)
    store.put_manifest(NAME, "1.0.0", json.dumps({"config": {"digest": digest}, "layers": []}).encode())
    with pytest.raises(ImageNotFound, match="MODELWAY_BUILDER=buildah"):
        engine.unpacker(store, engine.Runtime.DOCKER)(f"127.0.0.1/{NAME}:1.0.0")
