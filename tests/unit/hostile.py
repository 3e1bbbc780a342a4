"""Documents with hostile text in every field that takes text, built from the contracts' own fields."""

from __future__ import annotations

import types
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import BaseModel

# What means something to Slack, GitLab, Markdown, HTML or a terminal.
SNIPPETS = (
    *(
        "/close",
        "\n/approve",
        "\r\n/merge",
        "&#47;close",
        "@all",
        "@group/sub",
        "&#64;all",
        "#1",
        "!2",
        "~bug",
        "%1",
        "$3",
    ),
    *("&4", "^alert#5", "group/project#6", "ABC-12", "deadbeef", "[[_TOC_]]", ":tada:", "%{gitlab_server}"),
    *(
        "<!channel>",
        "<!here|x>",
        "<@U012AB3CD>",
        "<#C024BE7LR>",
        "<http://evil.test|text>",
        "&lt;!channel&gt;",
        "@channel",
    ),
    *("](javascript:alert(1))", "[x](https://evil.test)", "![x](https://evil.test/a.png)", "<https://evil.test>"),
    *("https://evil.test/", "www.evil.test", "a@evil.test", "javascript:alert(1)", "data:text/html,x"),
    *(
        "`",
        "``",
        "```\n",
        "|",
        "\\",
        "*",
        "_",
        "~~",
        "$$",
        "$`",
        "> ",
        "- ",
        "# ",
        "---\n",
        "===\n",
        "1. ",
        "\t",
        "    x",
    ),
    *(
        "<script>alert(1)</script>",
        "</script>",
        "</style>",
        "<!--",
        "-->",
        "<img src=x onerror=alert(1)>",
        "\" onload='",
        "<a>",
    ),
    *(
        "\x1b[2J",
        "\x1b]8;;http://evil.test\x07",
        "\x9b31m",
        "\x07",
        "\x08",
        "\r",
        "\x00",
        "\u202e",
        "\u200b",
        "\u2028",
        "\ufeff",
    ),
)
TEXT = st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=8)), max_size=5).map("".join)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(1, 5),
    float: st.floats(0.1, 1),
    type(None): st.none(),
}


def documents(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    """Documents of a kind; its patterns and limits are not kept, as nobody should need them to."""
    hints = get_type_hints(kind)
    values = {name: _values(hints[name]) for name in kind.model_fields}
    return st.fixed_dictionaries(values).map(lambda fields: kind.model_construct(**fields))


def _values(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(_values, arguments))
    if origin is dict:
        return st.dictionaries(_values(arguments[0]), _values(arguments[1]), min_size=1, max_size=2)
    if origin in (list, tuple):
        made = st.lists(_values(arguments[0]), min_size=1, max_size=2)
        return made.map(tuple) if origin is tuple else made
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return documents(hint)
    raise TypeError(f"no values for {hint!r}: say which ones here")
