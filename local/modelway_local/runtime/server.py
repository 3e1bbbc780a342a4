"""One model server: a container that serves, watched and started again when it dies."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import urllib3

from modelway_local.registry.store import UnpackedImage
from modelway_local.runtime.container import Container

HOST = "127.0.0.1"
PING_SECONDS = 2.0
WATCH_SECONDS = 1.0
INVOKE_SECONDS = 60.0


class ServerFailed(Exception):
    """Raised when the container does not answer /ping in time, or dies first."""


class ModelServer:
    """`serve` of one image with one model, on a port of its own.

    `start` blocks until /ping answers 200 and raises ServerFailed with the reason otherwise.
    """

    def __init__(
        self,
        image: UnpackedImage,
        *,
        base_dir: Path,
        environment: dict[str, str],
        interpreters: Path,
        on_line: Callable[[str], None],
    ) -> None:
        self._image, self._base_dir, self._environment = image, base_dir, environment
        self._interpreters, self._on_line = interpreters, on_line
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._in_flight = 0
        self._pool = urllib3.PoolManager(maxsize=32, retries=False)
        self._last_line = ""
        self.port = 0
        self.container: Container | None = None

    def _line(self, text: str) -> None:
        if text.strip():
            self._last_line = text.strip()
        self._on_line(text)

    def _launch(self) -> None:
        self.port = free_port()
        self.container = Container(
            self._image,
            ["serve"],
            base_dir=self._base_dir,
            environment={
                **self._environment,
                "SAGEMAKER_BIND_TO_PORT": str(self.port),
                "MODEL_SERVER_HOST": HOST,
            },
            interpreters=self._interpreters,
            on_line=self._line,
        )
        self.container.start()

    def start(self, seconds: float) -> None:
        """Start and wait for health. The thread that calls must outlive the server (the kernel ties them)."""
        try:
            self._launch()
            self._await_health(seconds)
        except Exception as error:
            self.close()
            raise ServerFailed(str(error)) from error

    def _await_health(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        pause = 0.02
        while not self.healthy():
            process = self.container.process if self.container else None
            if process is None or process.poll() is not None:
                code = process.poll() if process else None
                raise ServerFailed(f"the container exited with code {code} before /ping answered: {self._last_line}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"/ping did not answer 200 within {seconds:.0f} s; last line: {self._last_line}")
            if self._closing.wait(pause):
                raise ServerFailed("stopped while starting")
            pause = min(pause * 1.3, 0.2)

    def healthy(self) -> bool:
        """Whether this very server, not another on the same port, answers /ping with 200."""
        try:
            answer = self._pool.request("GET", f"http://{HOST}:{self.port}/ping", timeout=PING_SECONDS)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200 and self._owns_port()

    def _owns_port(self) -> bool:
        identifier = self.container.process_id() if self.container else 0
        if not identifier:
            return False
        try:
            parent = psutil.Process(identifier)
            family = [parent, *parent.children(recursive=True)]
            return any(c.laddr and c.laddr.port == self.port for p in family for c in p.net_connections("tcp"))
        except psutil.AccessDenied:
            return True  # an engine's container belongs to root, and that it runs has been asked
        except psutil.Error:
            return False

    def watch(self) -> None:
        """Until `close`: start the container again whenever it dies. Run in the thread that started it."""
        while not self._closing.wait(WATCH_SECONDS):
            process = self.container.process if self.container else None
            if process is not None and process.poll() is not None:
                self._on_line(f"the model server exited with code {process.returncode}; starting it again")
                if self.container is not None:
                    self.container.stop()
                try:
                    self._launch()
                except OSError as error:
                    self._on_line(f"it could not be started: {error}")
                if self._closing.is_set():
                    self.close()

    def invoke(self, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """POST /invocations. Raises urllib3's HTTPError when the server does not answer."""
        with self._lock:
            self._in_flight += 1
        try:
            url = f"http://{HOST}:{self.port}/invocations"
            answer = self._pool.request("POST", url, body=body, headers=headers, timeout=INVOKE_SECONDS)
            return answer.status, dict(answer.headers), answer.data
        finally:
            with self._lock:
                self._in_flight -= 1

    def drain(self, seconds: float) -> None:
        """Wait until no request is under way, at most `seconds`, then close."""
        deadline = time.monotonic() + seconds
        while self._in_flight and time.monotonic() < deadline:
            time.sleep(0.01)
        self.close()

    def close(self) -> None:
        """Stop the container and do not start it again."""
        self._closing.set()
        if self.container is not None:
            self.container.stop()


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
