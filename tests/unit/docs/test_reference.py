"""The reference pages are current, and every relative link of the docs leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import pytest
import typer

from modelway.cli import reference
from modelway.platform import Platform

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", sorted(reference.PAGES))
def test_page_is_current(page: str) -> None:
    path = ROOT / "docs" / "reference" / f"{page}.md"
    assert path.read_text(encoding="utf-8") == reference.PAGES[page](), (
        f"run: python -m modelway.cli.reference {page} > {path.relative_to(ROOT)}"
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_exist(path: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        found = (path.parent / target).resolve() if target else path
        if not found.exists() or (anchor and anchor not in _anchors(found)):
            broken.append(link)
    assert not broken


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_command_and_setting_is_named() -> None:
    commands, settings = reference.cli_reference(), reference.settings_reference()
    for command in ("run PATH", "up", "invoke", "ci push FOLDER", "ci retrain-all"):
        assert f"modelway {command.split()[0]}" in commands
    assert all(f"`MODELWAY_{name.upper()}`" in settings for name in Platform.model_fields)


def test_parameters_say_how_they_are_written() -> None:
    def command(
        path: Annotated[Path, typer.Argument(help="Where.")],
        with_plot: Annotated[bool, typer.Option(help="Draw.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    ) -> None: ...

    rows = reference.parameters(command)
    assert [row.spelling for row in rows] == ["PATH", "--with-plot, --no-with-plot", "--json"]
    assert rows[0].default == "**required**"


def test_unknown_page_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["api"]) == 2
    assert "there are: cli, settings" in capsys.readouterr().err
