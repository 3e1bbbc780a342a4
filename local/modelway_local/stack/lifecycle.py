"""`up` and `down`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from modelway.errors import PlatformError, UserError
from modelway_local.runtime import engine
from modelway_local.runtime.container import MARK
from modelway_local.runtime.engine import Runtime
from modelway_local.stack import terraform as local_terraform
from modelway_local.stack.layout import Stack, alive, running

UP_SECONDS = 180.0
# Packages and `terraform apply`, on top of that.
APPLY_SECONDS = 240.0
DOWN_SECONDS = 20.0


def up(
    home: Path,
    port: int,
    airflow_port: int,
    on_progress: Callable[[str], None],
    *,
    terraform: bool = False,
    runtime: Runtime = Runtime.PROCESS,
) -> Stack:
    """Start the stack, or return the one that runs; `terraform`: what is in its account is Terraform's.

    Raises UserError for a taken port, for a stack of the other kind that runs, and where Terraform or its provider is
    missing; PlatformError otherwise.
    """
    if stack := running(home):
        return _of_kind(stack, terraform, runtime)
    if terraform:
        local_terraform.require()
    if runtime is Runtime.DOCKER:
        engine.require()
    _sweep(home)
    for number, flag in ((port, "--port"), (airflow_port, "--airflow-port")):
        _require_free(number, flag)
    (home / "logs").mkdir(parents=True, exist_ok=True)
    _empty_account(home)
    if terraform:
        on_progress("terraform init")
        local_terraform.initialise(home)
    progress = home / "progress.log"
    progress.write_text("")
    log = (home / "logs" / "supervisor.log").open("ab")
    command = [sys.executable, "-m", "modelway_local.stack.supervisor", "--home", str(home)]
    process = subprocess.Popen(
        [
            *command,
            *("--port", str(port), "--airflow-port", str(airflow_port), "--runtime", runtime),
            *(["--terraform"] if terraform else []),
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    log.close()
    (home / "supervisor.pid").write_text(str(process.pid))
    try:
        return _follow(home, process, on_progress, UP_SECONDS + (APPLY_SECONDS if terraform else 0))
    except KeyboardInterrupt:
        down(home)
        raise


# moto keeps S3 and the rest in memory, so `down` ends the account; what lies on disk must not outlive it.
ACCOUNT_FOLDERS = ("work", "sagemaker", "registry/repositories", "mailbox", "slack", "jobs", "pipelines", "gaps", "iam")
ACCOUNT_FILES = ("lambdas.json", "calls.jsonl")


def _empty_account(home: Path) -> None:
    for folder in ACCOUNT_FOLDERS:
        shutil.rmtree(home / folder, ignore_errors=True)
    for file in (*(home / "airflow").glob("airflow.db*"), *(home / name for name in ACCOUNT_FILES)):
        file.unlink(missing_ok=True)
    local_terraform.forget(home)


def _of_kind(stack: Stack, terraform: bool, runtime: Runtime) -> Stack:
    if runtime is Runtime.DOCKER and stack.runtime is not runtime:
        raise UserError(
            "the stack runs already, with processes", fix="modelway down, then: modelway up --runtime docker"
        )
    if stack.terraform != terraform and terraform:
        fix = "modelway down, then: modelway up --terraform"
        raise UserError("the stack runs already, without what Terraform makes", fix=fix)
    return stack


def _follow(home: Path, process: subprocess.Popen[bytes], on_progress: Callable[[str], None], seconds: float) -> Stack:
    seen = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        lines = (home / "progress.log").read_text().splitlines()
        for line in lines[seen:]:
            what = line.partition(" ")[2]
            if what.startswith("failed: "):
                process.wait(DOWN_SECONDS)
                raise PlatformError(what.removeprefix("failed: "), fix=f"read {home}/logs, then: modelway up")
            on_progress(what)
        seen = len(lines)
        if stack := running(home):
            return stack
        if process.poll() is not None:
            raise PlatformError(f"the stack's supervisor ended; see {home}/logs/supervisor.log", fix="modelway up")
        time.sleep(0.1)
    down(home)
    raise PlatformError(f"the stack was not ready within {seconds:.0f} s; see {home}/logs", fix="modelway up")


def _require_free(port: int, flag: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            owner = _owner(port)
            who = f" by {owner}" if owner else ""
            raise UserError(f"port {port} is in use{who}", fix=f"modelway up {flag} PORT") from error


def _owner(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def down(home: Path) -> bool:
    """Stop the stack; False when none runs. Whatever was left behind by a killed supervisor is ended too."""
    stack = running(home)
    pid = stack.pid if stack else _pid(home)
    if pid and alive(pid) and _is_ours(pid, home):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_SECONDS
        while alive(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _sweep(home)
    (home / "stack.json").unlink(missing_ok=True)
    local_terraform.forget(home)
    return bool(stack)


def _pid(home: Path) -> int:
    try:
        return int((home / "supervisor.pid").read_text())
    except (OSError, ValueError):
        return 0


def _is_ours(pid: int, home: Path) -> bool:
    """Process ids are reused: only a supervisor of this very folder is signalled."""
    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return "modelway_local.stack.supervisor" in command and str(home) in command


def _sweep(home: Path) -> None:
    """End processes that carry this stack's folder in their environment or command line."""
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error):
            env = process.environ()
            ours = env.get("AIRFLOW_HOME") == str(home / "airflow")
            ours = ours or Path(env.get("TF_DATA_DIR", "")).is_relative_to(local_terraform.data_folder(home))
            if ours or env.get(MARK, "").startswith(f"{home}/work/"):
                process.kill()
    if _last_runtime(home) == Runtime.DOCKER:
        engine.sweep(home)


def _last_runtime(home: Path) -> str:
    """The runtime of the stack that runs, or that was killed."""
    try:
        return str(json.loads((home / "stack.json").read_text())["runtime"])
    except (OSError, ValueError, KeyError):
        return Runtime.PROCESS
