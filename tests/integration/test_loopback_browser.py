"""A real browser, with a page from another port of this machine that tries all that a page can."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from modelway_local.gateway import server as gateway_server

from tests.container.conftest import install_tools
from tests.integration.loopback import Loopback, loopback

pytestmark = [pytest.mark.integration, pytest.mark.browser]

# What it tries, each with a query that names the try; GATEWAY stands for the gateway's port.
PAGE = Path(__file__).with_name("hostile_page.html").read_text(encoding="utf-8")
TRIES = set(re.findall(r"\?(\w+)[\"`]", PAGE))


class Site:
    """The attacker's own site: serves the page, and is told when it is through."""

    def __init__(self, gateway_port: int) -> None:
        page = PAGE.replace("GATEWAY", str(gateway_port)).encode()
        self.done, self.read = threading.Event(), b""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(page if self.path == "/" else b"")

            def do_POST(self) -> None:
                site.read = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(b"")
                site.done.set()

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Loopback]:
    with loopback(tmp_path) as started:
        yield started


@pytest.mark.attack(
    attacker="web page",
    tries="in a real browser: fetch, beacon, form, image, script, WebSocket and sandboxed frame from another port",
    stopped_by="the gateway refuses each of them, and nothing is left by any",
)
def test_a_real_browsers_page_leaves_nothing(
    running: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    install_tools("chromium")
    judged: list[tuple[str, str, str | None]] = []

    def noted(method: str, target: str, *rest: Any) -> str | None:
        reason = judge(method, target, *rest)
        judged.append((method, target, reason))
        return reason

    judge = gateway_server.refusal
    monkeypatch.setattr(gateway_server, "refusal", noted)
    before, site = running.effects(), Site(running.port)
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ]
    environment = {name: value for name, value in os.environ.items() if "PROXY" not in name.upper()}
    address = f"http://127.0.0.1:{site.server.server_address[1]}/"
    browser = subprocess.Popen(
        [str(shutil.which("chromium")), *options, address],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert site.done.wait(90), "the page did not come to its end"
    finally:
        browser.terminate()
        browser.wait()
        site.server.shutdown()
    arrived = {target.partition("?")[2].partition("&")[0] for _, target, _ in judged}
    assert arrived >= TRIES, f"the browser did not try {TRIES - arrived}"
    assert [request for request in judged if request[2] is None] == []
    assert site.read == b"[]"
    assert running.effects() == before
