"""A headless Chromium that visits pages and photographs them, over the DevTools protocol's pipe (no port is opened).

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
SHOWN_SECONDS = 60.0


class ChromiumMissing(Exception):
    """Raised when no Chromium is installed; the text says what to install."""


def program() -> str:
    """Path of the browser. Raises ChromiumMissing."""
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    raise ChromiumMissing(f"none of {', '.join(PROGRAMS)} is on the PATH; on Debian: apt-get install chromium")


class Tab:
    """One page of the browser."""

    def __init__(self, commands: Any, events: Any) -> None:
        self._commands, self._events, self._last, self._session = commands, events, 0, ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while (answer := self._next()).get("id") != self._last:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._events.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("Chromium ended")
            text += byte
        message: dict[str, Any] = json.loads(text)
        return message

    def size(self, width: int, height: int, scale: float = 1.0) -> None:
        """Width and height of the window in CSS pixels, and how many pixels of the picture each of them is."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def scheme(self, scheme: str) -> None:
        """Prefer `light` or `dark`."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def cookie(self, url: str, name: str, value: str) -> None:
        """Set a cookie for an address."""
        self._call("Network.setCookie", url=url, name=name, value=value)

    def before_each_page(self, script: str) -> None:
        """Run a script in each page before its own scripts."""
        self._call("Page.enable")
        self._call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def visit(self, url: str) -> None:
        """Open an address. Raises RuntimeError when it cannot be reached."""
        if error := self._call("Page.navigate", url=url).get("errorText"):
            raise RuntimeError(f"{url}: {error}")

    def value(self, expression: str) -> Any:
        """Value of a JavaScript expression in the page."""
        return self._call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def style(self, css: str) -> None:
        """Add a style sheet to the page."""
        element = f"Object.assign(document.createElement('style'), {{textContent: {json.dumps(css)}}})"
        self.value(f"document.head.append({element})")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true. Raises TimeoutError."""
        deadline = time.monotonic() + SHOWN_SECONDS
        while not self.value(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not true after {SHOWN_SECONDS:.0f} s: {condition}")
            time.sleep(0.2)

    def picture(self, of: str = "") -> bytes:
        """PNG of the window, or of the first element that a CSS selector names."""
        clip = {}
        if of:
            box = f"document.querySelector({json.dumps(of)}).getBoundingClientRect()"
            sides = self.value(f"(({{x, y, width, height}}) => ({{x, y, width, height}}))({box})")
            clip = {"clip": {**sides, "scale": 1}}
        answer = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=bool(of), **clip)
        return base64.b64decode(answer["data"])


@contextmanager
def tab() -> Iterator[Tab]:
    """A page of a Chromium that has a profile of its own and ends with the block. Raises ChromiumMissing."""
    path = program()
    with tempfile.TemporaryDirectory(prefix="modelway-chromium-", ignore_cleanup_errors=True) as profile:
        to_browser, commands = os.pipe()
        events, from_browser = os.pipe()
        # The protocol's pipe is file descriptors 3 and 4 of the browser.
        shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        command = ["bash", "-c", shell, "chromium", path, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            os.close(to_browser)
            os.close(from_browser)
            try:
                with os.fdopen(commands, "wb") as written, os.fdopen(events, "rb") as read:
                    yield Tab(written, read)
            finally:
                process.terminate()


def page_address(folder: Path, html: str) -> str:
    """Write a page and return its file:// address."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()
