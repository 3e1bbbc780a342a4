"""What MkDocs asks while it builds the documentation (hooks of mkdocs.yml).

The navigation is derived from the folders of docs/, so that a new page is in it without an edit elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
SECTIONS = {
    "Tutorial": "tutorials",
    "How-to": "how-to",
    "Explanation": "explanation",
    "Reference": "reference",
    "Decisions": "decisions",
}
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)[^)\s]*\)")
FETCHED = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="(https?:[^"]+)"')


def navigation(docs: Path) -> list[dict[str, Any]]:
    """The start page, then a section per folder; a folder's README.md comes first in it."""

    def pages(folder: str) -> list[str]:
        names = (path.relative_to(docs).as_posix() for path in (docs / folder).glob("*.md"))
        return sorted(names, key=lambda name: (not name.endswith("/README.md"), name))

    return [{"Start": ["README.md"]}, *({title: pages(folder)} for title, folder in SECTIONS.items())]


def links_within(markdown: str, page: Path, docs: Path) -> str:
    """Put in place of a link to a file outside of `docs`, which a site cannot follow, where that file is.

    A link to a file that does not exist stays as it is: MkDocs refuses it.
    """

    def replaced(link: re.Match[str]) -> str:
        target = (page.parent / link["target"]).resolve()
        if "://" in link["target"] or target.is_relative_to(docs) or not target.exists():
            return link[0]
        return f"{link['text']} (`{target.relative_to(docs.parent).as_posix()}` in the repository)"

    return LINK.sub(replaced, markdown)


def fetched(html: str) -> list[str]:
    """Addresses on other hosts from which a page would load something."""
    return FETCHED.findall(html)


# MkDocs calls these by name: https://www.mkdocs.org/dev-guide/plugins/#events


def on_config(config: Any) -> Any:
    """Set the navigation."""
    config["nav"] = navigation(DOCS)
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Mend links that leave the site."""
    del config, files
    return links_within(markdown, Path(page.file.abs_src_path), DOCS)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Raise ValueError when a page would load something from another host."""
    del config
    if addresses := fetched(output):
        raise ValueError(f"{page.file.src_uri} loads from elsewhere: {', '.join(addresses)}")
    return output
