"""The page on security names every attack that a test carries out, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.__main__ import PAGE, page_with
from tests.attacks.catalogue import attacks, table


def test_the_page_names_every_attack() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert text == page_with(text, table()), "run `make attack-table`"


@pytest.mark.parametrize(
    "source",
    [
        "class TestX:\n    {mark}\n    def test_x(self): ...",
        "{mark}\nasync def test_x(): ...",
        "{mark}\nclass TestX: ...",
        "def outer():\n    {mark}\n    def test_x(): ...",
        "@pytest.mark.attack(attacker='web page', tries='x')\ndef test_x(): ...",
        "@mark.attack(attacker='nobody', tries='x', stopped_by='y')\ndef test_x(): ...",
    ],
)
def test_an_attack_that_would_be_missed_is_an_error(tmp_path: Path, source: str) -> None:
    mark = "@mark.attack(attacker='web page', tries='x', stopped_by='y')"
    (tmp_path / "test_x.py").write_text(source.format(mark=mark))
    with pytest.raises(ValueError, match=r"test_x.py::"):
        attacks(tmp_path)
