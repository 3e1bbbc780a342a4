"""One container as a process group: its image unpacked, its command run, its output followed.

An image that names an interpreter (the pure-Python builder's) holds no base: its paths are relocated to this machine's.
An image with a base of its own (buildah's) gets its files as root folder; see rooted.py. One that was given to a Docker
engine runs there, and the process here is `docker run`; see engine.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from modelway.packaging.image import LABEL_INTERPRETER
from modelway.packaging.interpreters import clean_interpreter
from modelway_local.registry.store import UnpackedImage
from modelway_local.runtime import engine, rooted
from modelway_local.runtime.network import OwnNetwork

ML_ROOT = "/opt/ml"
STOP_GRACE_SECONDS = 5.0
# How long what a container printed last is waited for; a process that it left behind may hold its output open.
READ_SECONDS = 10.0
# A line without an end reaches the log in pieces of this size, as Docker cuts it.
LINE_BYTES = 16 * 1024
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
# By this a stack finds its processes again, whoever started them (stack/lifecycle.py).
MARK = "MODELWAY_LOCAL_FOLDER"
# What an image without a PATH gets from a container engine.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What a container may see of this machine: enough to run, no credentials.
PASSED_ON = ("LANG", "LC_ALL", "TZ", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Container:
    """A command of an image, run with /opt/ml at `base_dir`. Not started until `start`."""

    def __init__(
        self,
        image: UnpackedImage,
        arguments: Sequence[str] | None,
        *,
        base_dir: Path,
        environment: Mapping[str, str],
        interpreters: Path,
        entrypoint: Sequence[str] | None = None,
        on_line: Callable[[str], None] | None = None,
        network: OwnNetwork | None = None,
    ) -> None:
        """Without `entrypoint` the image's own runs, without `arguments` its CMD; `network` None is this machine's."""
        self._image = image
        self._base_dir = base_dir
        config = image.config.get("config", {})
        if arguments is None:
            arguments = [] if entrypoint else config.get("Cmd") or []
        command = [*(entrypoint if entrypoint else config.get("Entrypoint") or []), *arguments]
        self._network = network
        declared = dict(item.split("=", 1) for item in config.get("Env") or [])
        self._engine_name = f"modelway-{uuid.uuid4().hex[:12]}" if image.engine_tag else ""
        if image.has_base:
            self._command = command
            self._environment = {"PATH": DEFAULT_PATH, "HOME": "/", **declared, **environment, MARK: str(base_dir)}
        else:
            self._command = [self._relocate(part) for part in command]
            if self._command and self._command[0] in {"python", "python3"}:
                minor = (config.get("Labels") or {}).get(LABEL_INTERPRETER, f"3.{sys.version_info.minor}")
                self._command[0] = str(clean_interpreter(interpreters, minor))
            self._environment = self._environ({**declared, **environment})
        self._on_line = on_line
        self._reader: threading.Thread | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def _relocate(self, value: str) -> str:
        """Each path of a ':'-separated value: /opt/ml to the base folder, the image's own paths into its rootfs."""
        return ":".join(self._relocate_path(part) for part in value.split(":"))

    def _relocate_path(self, path: str) -> str:
        if path == ML_ROOT or path.startswith(f"{ML_ROOT}/"):
            return f"{self._base_dir}{path[len(ML_ROOT) :]}"
        if path.startswith("/") and path != "/" and (inside := self._image.rootfs / path.lstrip("/")).exists():
            return str(inside)
        return path

    def _environ(self, declared: Mapping[str, str]) -> dict[str, str]:
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        relocated = {name: self._relocate(value) for name, value in declared.items() if name != "PATH"}
        return {
            **passed,
            "PATH": ":".join([*(str(Path(part).parent) for part in self._command[:1]), *SYSTEM_PATH]),
            "HOME": str(self._base_dir),
            "TMPDIR": str(self._base_dir / "tmp"),
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
            **relocated,
            "SAGEMAKER_BASE_DIR": str(self._base_dir),
            MARK: str(self._base_dir),
        }

    def start(self) -> None:
        """Start the process group and follow its output. Raises OSError when the command cannot be run."""
        if not self._command:
            raise OSError("the image has no Entrypoint and the request gives none")
        scratch = self._base_dir / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        if self._image.has_base:
            scratch.chmod(0o1777)  # it is the container's /tmp, whoever its user is
        self.process = self._launch()
        assert self.process.stdout is not None  # noqa: S101 - PIPE was asked for
        self._reader = threading.Thread(target=self._follow, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _launch(self) -> subprocess.Popen[bytes]:
        if self._engine_name:
            return self._launch_in_engine()
        return self._launch_rooted() if self._image.has_base else self._launch_relocated()

    def _launch_in_engine(self) -> subprocess.Popen[bytes]:
        """As the image's user where we are root, else as ourselves, who own the folder."""
        user = f"{os.getuid()}:{os.getgid()}"
        if os.getuid() == 0:
            config = self._image.config.get("config", {})
            user = "{}:{}".format(*rooted.user_of(str(self._image.rootfs), config.get("User") or ""))
        command, environment = engine.run_command(
            self._image,
            self._engine_name,
            self._base_dir,
            user,
            self._environment,
            self._command,
            network="none" if self._network else "host",
        )
        return _spawn("launch.py", command, environment, subprocess.DEVNULL)

    def _launch_relocated(self) -> subprocess.Popen[bytes]:
        workdir = self._image.config.get("config", {}).get("WorkingDir") or ""
        inside = Path(self._relocate(workdir)) if workdir else self._base_dir
        cwd = inside if inside.is_dir() else self._base_dir
        return _spawn("launch.py", self._command, self._environment, subprocess.DEVNULL, cwd, self._network)

    def _launch_rooted(self) -> subprocess.Popen[bytes]:
        """The environment goes by standard input: the image's may not touch the launcher, and no list shows it."""
        config = self._image.config.get("config", {})
        rooted.user_of(str(self._image.rootfs), config.get("User") or "")  # a wrong one is told before anything runs
        wanted: rooted.Rooted = {
            "rootfs": str(self._image.rootfs),
            "base_dir": str(self._base_dir),
            "user": config.get("User") or "",
            "workdir": config.get("WorkingDir") or "/",
            "environment": self._environment,
            "command": self._command,
        }
        process = _spawn("rooted.py", [], {"PATH": DEFAULT_PATH}, subprocess.PIPE, network=self._network)
        assert process.stdin is not None  # noqa: S101 - PIPE was asked for
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(json.dumps(wanted).encode())
        return process

    def _follow(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(ValueError, OSError):
            while line := stream.readline(LINE_BYTES):
                if self._on_line:
                    self._on_line(line.decode(errors="replace").rstrip("\r\n"))

    def process_id(self) -> int:
        """Id of the container's first process on this machine; 0 when there is none."""
        if self._engine_name:
            return engine.process_of(self._engine_name)
        return self.process.pid if self.process else 0

    def wait(
        self,
        seconds: float,
        stopped: threading.Event,
        *,
        grace: float = STOP_GRACE_SECONDS,
        tick: Callable[[], None] | None = None,
    ) -> int | None:
        """Exit code, or None after `seconds` or once `stopped` is set (the group is then ended, given `grace` seconds).

        `tick` is called now and then while the container runs.
        """
        assert self.process is not None  # noqa: S101 - start() comes first
        deadline = time.monotonic() + seconds
        pause = 0.01
        while (code := self.process.poll()) is None:
            if stopped.is_set() or time.monotonic() > deadline:
                self.stop(grace)
                return None
            if tick is not None:
                tick()
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        if self._engine_name:
            code = engine.exit_code(self._engine_name, code)
        self.stop()
        return code

    def stop(self, grace: float = STOP_GRACE_SECONDS) -> None:
        """End the whole group: SIGTERM, after `grace` seconds SIGKILL. Safe to call twice."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(grace)
        if self._engine_name:
            engine.remove(self._engine_name)
        self._signal(signal.SIGKILL)
        self.process.wait()
        if self._reader is not None:
            self._reader.join(READ_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None  # noqa: S101 - start() comes first
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def _spawn(
    launcher: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    stdin: int,
    cwd: Path | None = None,
    network: OwnNetwork | None = None,
) -> subprocess.Popen[bytes]:
    """A process group of its own, begun by one of the launchers beside this file; its output is one stream."""
    before = network.launcher() if network else []
    return subprocess.Popen(
        [*before, sys.executable, "-I", "-S", str(Path(__file__).with_name(launcher)), *command],
        env=environment,
        cwd=cwd,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=[network.listener] if network and network.listener >= 0 else [],
    )
