"""The parts of `make pictures` that need neither a stack nor a browser."""

from __future__ import annotations

import io
import os

import pytest
from modelway_local.stack.layout import Stack
from PIL import Image

from ci.docs import chromium, pictures

STACK = Stack("/tmp/somewhere", 1, "http://127.0.0.1:31000", "http://127.0.0.1:32000", "http://127.0.0.1:33000")


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()


def test_a_picture_is_kept_and_gets_a_palette() -> None:
    small = Image.open(io.BytesIO(pictures.reduced(png(Image.new("RGB", (40, 30), "#123456")))))
    assert (small.size, small.mode) == ((40, 30), "P")
    assert small.convert("RGB").getpixel((0, 0)) == (0x12, 0x34, 0x56)


def test_a_picture_that_stays_too_large_is_refused() -> None:
    noise = Image.frombytes("RGB", (600, 600), os.urandom(600 * 600 * 3))
    with pytest.raises(ValueError, match="larger than 150000 bytes with 32 colours"):
        pictures.reduced(png(noise))


def test_the_still_shows_the_default_places_and_no_font_is_fetched() -> None:
    printed = f"mailbox {STACK.home}/mailbox\nAWS {STACK.gateway_url}\nAirflow {STACK.airflow_url}\n"
    svg = pictures.summary(printed, STACK)
    for shown in ("~/.modelway/mailbox", "http://127.0.0.1:4566", "http://127.0.0.1:8080"):
        assert shown in svg
    assert "/tmp/" not in svg
    assert "@font-face" not in svg


def test_without_a_browser_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chromium, "PROGRAMS", ("no-such-browser",))
    assert pictures.main() == 1
    assert "apt-get install chromium" in capsys.readouterr().err
