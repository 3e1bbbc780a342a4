"""A gateway in front of moto, in this very process so that a test can see what became of each request."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import modelway_local.gateway as gateway_package
from modelway_local.gateway.moto_proxy import SCHEME, MotoProxy
from modelway_local.gateway.server import Gateway, Server
from modelway_local.runtime.server import free_port
from modelway_local.stack.moto_process import socket_path

HANDLER = "def handler(event, context):\n    open('invoked', 'a').write('x')\n    return {}\n"


class Loopback(NamedTuple):
    """What runs."""

    home: Path
    port: int
    gateway: Gateway
    moto: subprocess.Popen[bytes]
    moto_socket: Path

    def effects(self) -> list[str]:
        """What requests have left: messages, jobs, uploads, calls of the function, buckets, topics."""
        folders = ("mailbox", "slack", "sagemaker", "registry", "echo")
        files = (path for folder in folders for path in (self.home / folder).rglob("*"))
        return [str(path.relative_to(self.home)) for path in files if path.is_file() and path.suffix != ".py"]


@contextlib.contextmanager
def loopback(home: Path) -> Iterator[Loopback]:
    """Start both, with one function `echo`, and end them."""
    path = socket_path(home)
    folder = home / "echo"
    folder.mkdir()
    (folder / "handler.py").write_text(HANDLER)
    function = {"folder": str(folder), "handler": "handler.handler", "environment": {"PYTHONDONTWRITEBYTECODE": "1"}}
    (home / "lambdas.json").write_text(json.dumps({"echo": function}))
    command = [sys.executable, "-m", "modelway_local.stack.moto_process", str(path)]
    with (home / "moto.log").open("wb") as log:
        moto = subprocess.Popen(command, env=dict(os.environ), stdout=log, stderr=log)
    deadline = time.monotonic() + 30
    while not MotoProxy(f"{SCHEME}{path}").reachable():
        assert moto.poll() is None, (home / "moto.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    port = free_port()
    gateway = Gateway(home, port, f"{SCHEME}{path}")
    server = Server(port, gateway)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Loopback(home, port, gateway, moto, path)
    finally:
        server.shutdown()
        server.server_close()
        gateway.close()
        moto.terminate()
        moto.wait()


def routes(gateway: Gateway) -> list[tuple[str, str, dict[str, str]]]:
    """(method, path, headers) of a request to each route that the gateway's code has, and to moto behind it."""
    sources = [path.read_text() for path in Path(gateway_package.__path__[0]).glob("*.py")]
    patterns = sorted({found for source in sources for found in re.findall(r'r"(/[^"]*\([^"]*)"', source)})
    targets = sorted({found for source in sources for found in re.findall(r'service == "([A-Za-z0-9_]+)"', source)})
    sampled = [re.sub(r"\([^)]*\)", "echo", pattern).replace("echo/echo", "echo/invocations") for pattern in patterns]
    return [
        *((method, path, {}) for path in gateway._local for method in ("GET", "POST")),
        *((method, path, {}) for path in sampled for method in ("GET", "POST")),
        *(("POST", "/", {"X-Amz-Target": f"{target}.Any"}) for target in targets),
        *((method, path, {}) for path in ("/v2/", "/v2/evil/blobs/uploads/") for method in ("GET", "POST")),
        *((method, path, {}) for path in ("/", "/bucket", "/bucket/key") for method in ("GET", "PUT", "POST")),
        ("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("GET", "/moto-api/data.json", {}),
        ("GET", "/no/such/route", {}),
    ]
