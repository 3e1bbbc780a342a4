"""Text of others made inert: what a model or a commit chose is shown as it is and can do nothing where it is shown.

One function for each place: Slack, GitLab's Markdown, a link's address. HTML has `html.escape`, after `visible`; the
terminal has `modelway.cli.console.printable`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from urllib.parse import urlsplit

# Control, format (bidirectional overrides, zero width), unassigned and private characters, line and paragraph breaks.
UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
# A name or a version: Markdown and GitLab take none of it for a command, but for a commit's SHA or an issue (ABC-12).
WORD = re.compile(r"(?![0-9a-f]{7,40}$)(?!(?i:www)\.)(?![A-Z]+-\d)[A-Za-z0-9]+([_.+-][A-Za-z0-9]+)*")
# RFC 3986's characters, without the brackets, quotes and bars in which Markdown and Slack write an address.
ADDRESS = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~:/?#@!$&+,;=%-]*)?")


def visible(text: str, *, lines: bool = False) -> str:
    """The text with a space for each character that is not seen; line breaks stay if `lines`."""
    kept = "\n" if lines else ""
    return "".join(sign if sign in kept or unicodedata.category(sign) not in UNSEEN else " " for sign in text)


def slack(text: str) -> str:
    """For Slack's mrkdwn: no mention, link or command (https://docs.slack.dev/messaging/formatting-message-text)."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(text: str) -> str:
    """For GitLab's Markdown, in a line or a table's cell: a plain word as it is, all else as code.

    GitLab reads nothing in a code span: no mention, reference, link, picture, HTML or emoji. A quick action begins a
    line, and this begins with a letter, a digit or a backtick (https://docs.gitlab.com/user/markdown/).
    """
    line = " ".join(visible(text).split())
    if not line:
        return "-"
    if len(line) <= 128 and WORD.fullmatch(line):
        return line
    # A cell ends at a bar even within code; a backslash before it would be shown where there is no table.
    line = line.replace("|", "¦")
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    padding = " " if "`" in (line[0], line[-1]) else ""
    return f"{fence}{padding}{line}{padding}{fence}"


def web_address(address: str, hosts: Collection[str] | None = None) -> str:
    """The address if a link may lead there, else nothing.

    It must be http or https, hold no name and password and no sign that ends a link, and its host (with its port, if
    it has one) must be one of `hosts`; None stands for any.
    """
    try:
        url = urlsplit(address)
        if not ADDRESS.fullmatch(address) or not url.hostname or "@" in url.netloc:
            return ""
    except ValueError:
        return ""
    return address if hosts is None or url.netloc.lower() in hosts else ""


def hosts_of(*addresses: str) -> frozenset[str]:
    """The hosts of these addresses, with their ports; an empty one has none."""
    return frozenset(filter(None, (urlsplit(address).netloc.lower() for address in addresses)))
