"""What MkDocs' hooks do, and what a picture of the docs says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ci.docs import site_hooks

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
IMAGES = DOCS / "images"


def test_every_page_is_in_the_navigation_once() -> None:
    pages = [page for section in site_hooks.navigation(DOCS) for entries in section.values() for page in entries]
    assert sorted(pages) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_a_folder_begins_with_its_readme(tmp_path: Path) -> None:
    for name in ("0001-a.md", "README.md"):
        path = tmp_path / "decisions" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert {"Decisions": ["decisions/README.md", "decisions/0001-a.md"]} in site_hooks.navigation(tmp_path)


def test_only_links_that_leave_the_site_are_replaced(tmp_path: Path) -> None:
    docs = (tmp_path / "docs").resolve()
    for path in (docs / "how-to" / "a.md", docs / "b.md", docs.parent / "benchmarks" / "README.md"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    stays = "[b](../b.md#c) [out](https://example.org/) [gone](../../gone.md) [here](#d)"
    markdown = f"[how long](../../benchmarks/README.md#runs) {stays}"
    told = site_hooks.links_within(markdown, docs / "how-to" / "a.md", docs)
    assert told == f"how long (`benchmarks/README.md` in the repository) {stays}"


@pytest.mark.parametrize(
    ("html", "addresses"),
    [
        ('<script src="https://unpkg.com/a.js">', ["https://unpkg.com/a.js"]),
        ('<link rel="stylesheet" href="http://fonts.example/a.css">', ["http://fonts.example/a.css"]),
        ('<a href="https://example.org/">', []),
        ('<img src="images/a.png">', []),
    ],
)
def test_what_a_page_would_fetch_is_found(html: str, addresses: list[str]) -> None:
    assert site_hooks.fetched(html) == addresses


def test_badges_say_what_pyproject_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", (IMAGES / "badges.svg").read_text(encoding="utf-8"))
    badges = dict(zip(texts[::2], texts[1::2], strict=True))
    lowest, beyond = re.findall(r"3\.(\d+)", project["requires-python"])
    pythons = " | ".join(f"3.{minor}" for minor in range(int(lowest), int(beyond)))
    assert badges == {"version": project["version"], "licence": project["license"], "python": pythons}


def test_the_chain_names_every_task_of_the_dags_and_no_other() -> None:
    drawn = set(re.findall(r'class="task"[^>]*>([a-z_]+)<', (IMAGES / "chain.svg").read_text(encoding="utf-8")))
    tasks: set[str] = set()
    for name in ("train_evaluate", "deploy"):
        dag = (ROOT / "dags" / f"{name}.py").read_text(encoding="utf-8")
        tasks |= set(re.findall(r'task_id="(\w+)"', dag)) | set(re.findall(r"@task(?:\(.*\))?\n    def (\w+)", dag))
    assert drawn == tasks


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_fetch_nothing(path: Path) -> None:
    assert path.stat().st_size <= 150_000
    if path.suffix == ".svg":
        assert not re.search(r"(?:href|src)=\"http|url\(\W?http|@import", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_pictures_are_shown_and_described(path: Path) -> None:
    shown = re.findall(r"!\[([^\]]+)\]\(docs/images/([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert path.name in {name for text, name in shown if text}
