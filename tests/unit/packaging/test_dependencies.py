"""Dependencies are installed once per lock and hold nothing of this machine. uv is a fake here."""

from __future__ import annotations

import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelway.errors import UserError
from modelway.packaging import dependencies


class FakeUv:
    """Stands for `subprocess.run`: installs one module and one console script, offline or not at all."""

    def __init__(self) -> None:
        self.installs: list[list[str]] = []
        self.fails = False

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if "--target" not in command:
            return subprocess.CompletedProcess(command, 0)
        self.installs.append(command)
        if self.fails:
            return subprocess.CompletedProcess(command, 1, "", "No solution found: nosuchthing")
        target = Path(command[command.index("--target") + 1])
        (target / "bin").mkdir()
        (target / "bin" / "tool").write_text("#!/this/machine/python\n")
        (target / "module.py").write_text("")
        (target / "module.dist-info").mkdir()
        (target / "module.dist-info" / "RECORD").write_text("")
        return subprocess.CompletedProcess(command, 0)


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeUv:
    fake = FakeUv()
    monkeypatch.setenv("MODELWAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dependencies, "_uv", lambda: "uv")
    monkeypatch.setattr(dependencies.subprocess, "run", fake)
    return fake


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("module==1.0\n")
    return path


def test_one_lock_is_installed_once(uv: FakeUv, lock: Path) -> None:
    assert dependencies.install(lock) == dependencies.install(lock)
    assert len(uv.installs) == 1


def test_eight_at_once_install_once(uv: FakeUv, lock: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: dependencies.install(lock).layer.digest, range(8)))
    assert len(set(found)) == 1
    assert len(uv.installs) == 1


def test_another_lock_is_installed_anew(uv: FakeUv, lock: Path) -> None:
    dependencies.install(lock)
    lock.write_text("module==2.0\n")
    dependencies.install(lock)
    assert len(uv.installs) == 2


def test_nothing_of_this_machine_is_in_the_layer(uv: FakeUv, lock: Path) -> None:
    with tarfile.open(dependencies.install(lock).layer.path) as tar:
        assert tar.getnames() == ["opt/program-deps/module.py"]


def test_a_lock_that_cannot_be_resolved_says_why_and_leaves_nothing(uv: FakeUv, lock: Path) -> None:
    uv.fails = True
    with pytest.raises(UserError, match="No solution found"):
        dependencies.install(lock)
    assert ["--no-build" in command for command in uv.installs] == [True, True, False], "wheels before sources"
    uv.fails = False
    assert dependencies.install(lock).layer.size > 0


def test_a_missing_lock_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        dependencies.install(tmp_path / "requirements.txt")
