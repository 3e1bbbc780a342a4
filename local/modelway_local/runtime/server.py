"""One model server: a container that serves, watched and started again when it dies."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import urllib3

from modelway.packaging.image import LABEL_ACCEPTS_PORT
from modelway_local.registry.store import UnpackedImage
from modelway_local.runtime import network
from modelway_local.runtime.container import Container

HOST = "127.0.0.1"
# SageMaker asks here, unless the image says by its label that it heeds SAGEMAKER_BIND_TO_PORT.
SERVING_PORT = 8080
ANSWER_MAXIMUM_BYTES = 6 * 1024 * 1024
PIECE = 1 << 16
PING_SECONDS = 2.0
WATCH_SECONDS = 1.0
INVOKE_SECONDS = 60.0


class ServerFailed(Exception):
    """Raised when the container does not answer /ping in time, or dies first."""


class AnswerTooLarge(Exception):
    """Raised when a container answers with more than SageMaker passes on."""


class ModelServer:
    """`serve` of one image with one model, on a port of its own.

    Where this machine can give it a network of its own it listens on 8080 there, as on SageMaker: always when it is
    `isolated`, else when its image does not say that it heeds SAGEMAKER_BIND_TO_PORT. It then has no way out.
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
        isolated: bool = False,
    ) -> None:
        self._isolated = isolated
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

    def _own_network(self) -> bool:
        """Isolation is asked of machines that can give it only (jobs.py, catalogue.py); the port is a courtesy."""
        labels = self._image.config.get("config", {}).get("Labels") or {}
        if self._image.engine_tag or not network.available():
            return False
        return self._isolated or labels.get(LABEL_ACCEPTS_PORT) != "true"

    def _launch(self) -> None:
        if not self._own_network():
            self.port = free_port()
            self._run({"SAGEMAKER_BIND_TO_PORT": str(self.port), "MODEL_SERVER_HOST": HOST}, None)
            return
        with socket.create_server((HOST, 0), backlog=128) as listener:
            self.port = int(listener.getsockname()[1])
            bind = {"SAGEMAKER_BIND_TO_PORT": str(SERVING_PORT)}
            self._run(bind, network.OwnNetwork(listener.fileno(), SERVING_PORT))

    def _run(self, extra: dict[str, str], own: network.OwnNetwork | None) -> None:
        self.container = Container(
            self._image,
            ["serve"],
            base_dir=self._base_dir,
            environment={**self._environment, **extra},
            interpreters=self._interpreters,
            on_line=self._line,
            network=own,
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
        return answer.status == 200 and (self._own_network() or self._owns_port())

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

    def invoke(
        self,
        body: bytes,
        headers: dict[str, str],
        seconds: float = INVOKE_SECONDS,
        most: int = ANSWER_MAXIMUM_BYTES,
    ) -> tuple[int, dict[str, str], bytes]:
        """POST /invocations. Raises urllib3's HTTPError when the server does not answer.

        A TimeoutError of urllib3's after `seconds` for the whole of it; AnswerTooLarge for more than `most` bytes.
        """
        deadline = time.monotonic() + seconds
        with self._lock:
            self._in_flight += 1
        try:
            url = f"http://{HOST}:{self.port}/invocations"
            limit = urllib3.Timeout(total=seconds)
            answer = self._pool.request("POST", url, body=body, headers=headers, timeout=limit, preload_content=False)
            return answer.status, dict(answer.headers), _read(answer, deadline, most)
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


def _read(answer: urllib3.BaseHTTPResponse, deadline: float, most: int) -> bytes:
    """The body. A server that sends a little now and then runs out of time as one that sends nothing does."""
    body = bytearray()
    whole = False
    try:
        while piece := answer.read1(PIECE):
            body += piece
            if len(body) > most:
                raise AnswerTooLarge(f"the answer has more than {most} bytes")
            if time.monotonic() > deadline:
                raise urllib3.exceptions.TimeoutError("the answer did not end in time")
        whole = True
    finally:
        if whole:
            answer.release_conn()
        else:
            answer.close()
    return bytes(body)


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
