"""The page on security names every attack that a test carries out, and no other."""

from __future__ import annotations

from tests.attacks.__main__ import PAGE, page_with
from tests.attacks.catalogue import table


def test_the_page_names_every_attack() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert text == page_with(text, table()), "run `make attack-table`"
