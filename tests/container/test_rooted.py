"""A command of an image with a base of its own, run with that image's files as root folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from modelway_local.registry.store import UnpackedImage
from modelway_local.runtime import rooted
from modelway_local.runtime.container import Container

pytestmark = pytest.mark.container
NOBODY = 65534
SCRIPT = """
import json, os
try:
    open("/opt/ml/model/made", "w").write("by the container")
    made = True
except PermissionError:
    made = False
open("/tmp/scratch", "w").write("x")
try:
    open("/etc/motd", "w")
    wrote = True
except OSError:
    wrote = False
facts = {"uid": os.getuid(), "gid": os.getgid(), "cwd": os.getcwd(), "root": sorted(os.listdir("/")),
         "input": open("/opt/ml/input").read(), "env": dict(os.environ), "wrote": wrote, "made": made,
         "capabilities": [l for l in open("/proc/self/status") if l.startswith("CapEff")][0].split()[1]}
print("FACTS " + json.dumps(facts))
"""


@pytest.fixture(scope="module")
def rootfs(pushed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base image's files, unpacked as the registry does it: owned by whoever unpacks, no devices."""
    from modelway_local.registry.unpacking import lay_over, unpack_layer

    folder = tmp_path_factory.mktemp("base")
    for number, layer in enumerate(json.loads((pushed / "manifest.json").read_text())["layers"]):
        unpacked = folder / f"layer-{number}"
        unpacked.mkdir()
        unpack_layer(pushed / layer["digest"].removeprefix("sha256:"), unpacked)
        lay_over(unpacked, folder / "rootfs")
    (folder / "rootfs/opt/program").mkdir()
    (folder / "rootfs/opt/program/facts.py").write_text(SCRIPT)
    return folder / "rootfs"


def base_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "ml"
    for name in ("model", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "input").write_text("a channel")
    return folder


def facts(lines: list[str]) -> dict[str, Any]:
    said = [line for line in lines if line.startswith("FACTS ")]
    assert said, "\n".join(lines)
    found: dict[str, Any] = json.loads(said[0].removeprefix("FACTS "))
    return found


def run(rootfs: Path, folder: Path, **config: Any) -> tuple[int | None, list[str]]:
    lines: list[str] = []
    settings = {"Entrypoint": ["python3", "/opt/program/facts.py"], **config}
    container = Container(
        UnpackedImage(rootfs, {"config": settings}, "sha256:0"),
        [],
        base_dir=folder,
        environment={"MODE": "train"},
        interpreters=folder,
        on_line=lines.append,
    )
    container.start()
    import threading

    code = container.wait(60, threading.Event())
    return code, lines


def test_the_command_sees_the_images_files_and_its_own_opt_ml(
    rootfs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leaked")
    folder = base_dir(tmp_path)
    code, lines = run(rootfs, folder, WorkingDir="/opt/program")
    found = facts(lines)
    assert code == 0
    assert (found["uid"], found["gid"], found["cwd"], found["input"]) == (0, 0, "/opt/program", "a channel")
    assert found["root"] == sorted({*os.listdir(rootfs), "opt", "tmp", "proc", "dev"})  # noqa: PTH208
    assert (found["env"]["MODE"], found["env"].get("AWS_SECRET_ACCESS_KEY")) == ("train", None)
    assert found["made"] is True
    assert (folder / "model/made").read_text() == "by the container"


def test_what_a_root_container_writes_stays_in_its_view(rootfs: Path, tmp_path: Path) -> None:
    before = (rootfs / "etc/motd").exists()
    code, lines = run(rootfs, base_dir(tmp_path), User="root")
    assert (code, facts(lines)["wrote"]) == (0, True)
    assert (rootfs / "etc/motd").exists() is before


def test_a_root_container_has_a_container_engines_capabilities_and_no_more(rootfs: Path, tmp_path: Path) -> None:
    """Neither to mount, nor to load modules, trace processes, or change the network."""
    _, lines = run(rootfs, base_dir(tmp_path))
    held = int(facts(lines)["capabilities"], 16)
    assert {number for number in range(64) if held >> number & 1} == rooted.KEPT_CAPABILITIES


def test_an_image_with_a_user_of_its_own_writes_nothing_below_opt_ml(rootfs: Path, tmp_path: Path) -> None:
    """As on SageMaker, whose /opt/ml is root's (sagemaker-python-sdk#4764)."""
    code, lines = run(rootfs, base_dir(tmp_path), User="10001:10001")
    found = facts(lines)
    assert (code, found["uid"], found["made"], found["wrote"]) == (0, 10001, False, False)
    assert found["capabilities"].strip("0") == ""


def test_a_user_that_the_image_does_not_know_is_said(rootfs: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"'somebody' is not in its /etc/passwd"):
        run(rootfs, base_dir(tmp_path), User="somebody")


def test_a_command_that_the_image_lacks_is_no_fault_of_the_engine(rootfs: Path, tmp_path: Path) -> None:
    code, lines = run(rootfs, base_dir(tmp_path), Entrypoint=["/no/such/command"])
    assert (code, lines[-1]) == (rooted.NOT_FOUND, "/no/such/command: No such file or directory")


def test_a_person_without_root_runs_it_in_a_user_namespace(rootfs: Path) -> None:
    """As when the stack is a person's own: the image's files and the job's folder are theirs."""
    python = "/usr/bin/python3"  # pytest's own may lie in a folder that only root enters
    if os.geteuid() != 0 or not Path(python).exists():
        pytest.skip("needs root to become another user, and Debian's Python for that user")
    folder = Path("/var/tmp") / f"modelway-rootless-{os.getpid()}"
    try:
        folder.mkdir(mode=0o755)
        shutil.copytree(rootfs, folder / "rootfs", symlinks=True)
        shutil.copy(rooted.__file__, folder / "rooted.py")
        base_dir(folder)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder)], check=True)
        wanted = {
            "rootfs": str(folder / "rootfs"),
            "base_dir": str(folder / "ml"),
            "user": "10001",
            "workdir": "/",
            "environment": {"PATH": "/usr/bin"},
            "command": ["python3", "/opt/program/facts.py"],
        }
        done = subprocess.run(
            [python, "-I", "-S", str(folder / "rooted.py")],
            input=json.dumps(wanted).encode(),
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        said = done.stdout.decode()
        if done.returncode == rooted.CANNOT_ISOLATE and "unshare" in said:
            pytest.skip(f"this kernel gives no user namespaces: {said.strip()}")
        assert facts(said.splitlines())["uid"] == 10001
        assert (folder / "ml/model/made").stat().st_uid == NOBODY
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_interpreter_that_starts_it_is_this_one() -> None:
    """rooted.py uses the standard library alone, so `-I -S` finds all that it imports."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", rooted.__file__], input=b"{}", capture_output=True, check=False, timeout=30
    )
    assert b"KeyError" in done.stderr


def test_what_a_container_left_behind_is_swept(rootfs: Path, tmp_path: Path) -> None:
    """Its first process dies with the stack; what that had started is found by the folder that it belongs to."""
    import psutil
    from modelway_local.stack.lifecycle import down

    folder = base_dir(tmp_path / "work" / "training-job")
    script = (
        "import subprocess, time; print('CHILD', subprocess.Popen(['sleep', '300']).pid, flush=True); time.sleep(300)"
    )
    lines: list[str] = []
    container = Container(
        UnpackedImage(rootfs, {"config": {"User": "10001:10001"}}, "sha256:0"),
        ["-c", script],
        base_dir=folder,
        environment={},
        interpreters=folder,
        entrypoint=["python3"],
        on_line=lines.append,
    )
    container.start()
    deadline = time.monotonic() + 30
    while not lines and time.monotonic() < deadline:
        time.sleep(0.05)
    child = psutil.Process(int(lines[0].split()[1]))
    assert container.process is not None
    container.process.kill()
    container.process.wait()
    assert child.is_running()
    down(tmp_path)
    child.wait(5)
    assert not child.is_running()
