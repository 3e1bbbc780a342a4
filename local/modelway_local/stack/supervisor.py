"""The one process that owns the stack: `python -m modelway_local.stack.supervisor --home H ...`.

It starts moto, the gateway and Airflow, says in `<home>/progress.log` how far it is, and ends them all when it is told
to or dies (the kernel ends the children of a killed supervisor; see runtime/launch.py).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from modelway.errors import PlatformError
from modelway_local.gateway.moto_proxy import SCHEME, MotoProxy
from modelway_local.runtime import launch
from modelway_local.runtime.engine import RUNTIME_VARIABLE, Runtime
from modelway_local.stack import airflow, resources, terraform
from modelway_local.stack.layout import Stack, platform
from modelway_local.stack.moto_process import socket_path

READY_SECONDS = 120.0
# Nothing that these processes hold outlives `down`, so a slow one is not waited for long.
STOP_SECONDS = 3.0
DAGS = ("train_evaluate", "deploy")


class StartFailed(Exception):
    """Raised when a part of the stack exits or does not answer in time."""


class Supervisor:
    """The stack's processes."""

    def __init__(self, home: Path, port: int, airflow_port: int, *, with_terraform: bool, runtime: Runtime) -> None:
        self._home, self._port, self._airflow_port = home, port, airflow_port
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._launched: dict[str, tuple[list[str], dict[str, str]]] = {}
        self._moto_socket = socket_path(home)
        self._started = time.monotonic()
        self._stop = threading.Event()
        self.stack = Stack(
            str(home),
            os.getpid(),
            f"http://127.0.0.1:{port}",
            f"http://127.0.0.1:{airflow_port}",
            f"{SCHEME}{self._moto_socket}",
            terraform=with_terraform,
            runtime=runtime,
        )

    def run(self) -> int:
        """Start all, wait for the end, stop all."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            self._start()
            self._say("ready")
            while not self._stop.wait(0.5):
                self._restart_the_dead()
        except (StartFailed, PlatformError, OSError, subprocess.CalledProcessError) as error:
            self._say(f"failed: {error}")
            return 1
        finally:
            self._end()
        return 0

    def _say(self, what: str) -> None:
        with (self._home / "progress.log").open("a") as file:
            file.write(f"{time.monotonic() - self._started:.1f} {what}\n")

    def _start(self) -> None:
        self._say("starting moto and Airflow")
        moto = [sys.executable, "-m", "modelway_local.stack.moto_process", str(self._moto_socket)]
        self._spawn("moto", moto, {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"})
        if self.stack.terraform:
            self._say("packaging functions and DAGs for Terraform")
            terraform.package(self._home)
        else:
            self._start_airflow()
            resources.register_lambdas(self.stack, self._home)
        self._await(MotoProxy(self.stack.moto_url).reachable, "moto", self.stack.moto_url)
        self._spawn("gateway", self._gateway(), self._gateway_environment())
        self._await_page(f"{self.stack.gateway_url}/_local/health", "gateway")
        if self.stack.terraform:
            self._apply()
        else:
            resources.create(self.stack)
        self._say("waiting for Airflow's API")
        self._await_page(f"{self.stack.airflow_url}/api/v2/version", "api-server")
        self._say("waiting for the DAGs")
        self._await_dags()
        Stack(**{**self.stack.__dict__, "ready_seconds": round(time.monotonic() - self._started, 1)}).write()

    def _start_airflow(self) -> None:
        env = airflow.environment(self.stack, self._airflow_port)
        airflow.prepare_database(self._home, env)
        for name, command in airflow.commands(self._airflow_port).items():
            self._spawn(name, command, env)

    def _apply(self) -> None:
        """Let Terraform make what is in the account; Airflow starts while the provider waits for resources."""

        def progress(step: str) -> None:
            if "scheduler" not in self._children:
                self._start_airflow()
            self._say(step)

        self._say("terraform apply")
        terraform.bootstrap(self.stack, self._stop)
        terraform.apply(self.stack, progress, self._stop)
        # Airflow has its settings already: they are the names that Terraform gives, or one of the two is wrong.
        ours, theirs = platform(self.stack.airflow_url).to_environment(), terraform.settings(self.stack)
        if different := sorted(name for name in ours if ours[name] != theirs.get(name)):
            name = different[0]
            raise StartFailed(f"Terraform gives {name}={theirs.get(name)!r}, the stack {ours[name]!r}")

    def _gateway(self) -> list[str]:
        kind = "modelway_local.gateway_gaps" if self.stack.terraform else "modelway_local.gateway"
        module = [sys.executable, "-m", kind, "--home", str(self._home), "--port", str(self._port)]
        return [*module, "--moto-url", self.stack.moto_url, "--airflow-url", self.stack.airflow_url]

    def _gateway_environment(self) -> dict[str, str]:
        password = airflow.passwords(self._home)[airflow.GATEWAY_USER]
        user = {"MODELWAY_LOCAL_AIRFLOW_USER": airflow.GATEWAY_USER, "MODELWAY_LOCAL_AIRFLOW_PASSWORD": password}
        return {**os.environ, **user, RUNTIME_VARIABLE: self.stack.runtime}

    def _spawn(self, name: str, command: list[str], env: dict[str, str]) -> None:
        self._launched[name] = (command, env)
        log = (self._home / "logs" / f"{name}.log").open("ab")
        launcher = [sys.executable, "-I", "-S", str(Path(launch.__file__)), *command]
        self._children[name] = subprocess.Popen(
            launcher, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def _await_page(self, url: str, name: str) -> None:
        def answers() -> bool:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                urllib.request.urlopen(url, timeout=2).close()
                return True
            return False

        self._await(answers, name, url)

    def _await(self, answers: Callable[[], bool], name: str, where: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not self._stop.is_set():
            if (code := self._children[name].poll()) is not None:
                raise StartFailed(f"{name} exited with code {code}; see {self._home}/logs/{name}.log")
            if answers():
                return
            self._stop.wait(0.1)
        raise StartFailed(f"{name} did not answer at {where} within {READY_SECONDS:.0f} s")

    def _await_dags(self) -> None:
        """Airflow answers before it knows the DAGs; ready means that they can be started."""
        from sqlalchemy import create_engine, text

        engine = create_engine(f"sqlite:///{self._home}/airflow/airflow.db")
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not self._stop.is_set():
            with engine.connect() as connection:
                known = {row[0] for row in connection.execute(text("select dag_id from serialized_dag"))}
                errors = connection.execute(text("select filename, stacktrace from import_error")).all()
            if set(DAGS) <= known:
                engine.dispose()
                return
            if errors:
                raise StartFailed(f"{errors[0][0]} cannot be imported: {errors[0][1][-1500:]}")
            self._stop.wait(0.2)
        raise StartFailed("the DAGs were not parsed in time")

    def _restart_the_dead(self) -> None:
        """What keeps its state on disk comes back; moto's is in memory, so its end is the stack's."""
        for name, child in list(self._children.items()):
            if child.poll() is None or self._stop.is_set():
                continue
            if name == "moto":
                raise StartFailed(f"moto exited with code {child.returncode} and its state with it; see logs/moto.log")
            self._say(f"{name} exited with code {child.returncode}; starting it again")
            _signal(child, signal.SIGKILL)
            self._spawn(name, *self._launched[name])

    def _end(self) -> None:
        for child in self._children.values():
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            _signal(child, signal.SIGKILL)
            child.wait()
        shutil.rmtree(self._moto_socket.parent, ignore_errors=True)
        (self._home / "stack.json").unlink(missing_ok=True)
        self._say("stopped")


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def main() -> None:
    """Parse the arguments and supervise."""
    parser = argparse.ArgumentParser(prog="modelway_local.stack.supervisor")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--airflow-port", type=int, required=True)
    parser.add_argument("--terraform", action="store_true", help="let Terraform make what is in the account")
    parser.add_argument("--runtime", type=Runtime, default=Runtime.PROCESS, help="what jobs and servers are")
    given = parser.parse_args()
    supervisor = Supervisor(
        given.home, given.port, given.airflow_port, with_terraform=given.terraform, runtime=given.runtime
    )
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
