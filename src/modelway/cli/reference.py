"""The reference pages that derive from code: `python -m modelway.cli.reference [cli|settings]` prints one."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo, CommandInfo, OptionInfo, ParameterInfo

from modelway.cli.main import app
from modelway.contracts.base import Document
from modelway.packaging.building import BuildSettings
from modelway.platform import Platform

WORDS = {Path: "path", str: "text", list[str]: "words", int: "whole number", float: "number", bool: ""}
REQUIRED = "**required**"
SOURCES = {"cli": "src/modelway/cli", "settings": "Platform and BuildSettings"}
CLI_HEAD = """\
The commands of `modelway`, from its own help; `modelway COMMAND --help` says the same. In a checkout the command is
`.venv/bin/modelway`.

Results go to standard output, progress and errors to standard error. Exit codes: 0 done, 1 anything unexpected, 2 the
input is wrong and the same call will fail again, 3 the platform failed and a retry may pass, 130 stopped by Ctrl-C.

Without `MODELWAY_*` variables a command talks to the local stack that runs; with them, to the environment that they
describe ([settings](settings.md))."""
SETTINGS_HEAD = """\
The environment variables that tell Lambdas, Airflow's workers and the `modelway` command where the platform runs.
`modelway env` prints the local stack's. A variable that is missing or wrong is an error that names it; an empty one
counts as missing.
"""
BUILD_HEAD = """\
Read by `modelway ci package` and `modelway run`; [images](../explanation/images.md) says what the two builders make.
"""
# Read by one part each, beside the settings that every part shares: default and meaning.
OTHER_VARIABLES = {
    "MODELWAY_HOME": ("`~/.modelway`", "State of the local stack."),
    "MODELWAY_CACHE": ("`~/.cache/modelway`", "Installed dependencies, interpreters, Airflow's empty database."),
    "MODELWAY_OUT": ("`out`", "Files that the steps of `modelway ci` leave for each other."),
}


class Parameter(NamedTuple):
    """One argument or option as a row: how it is written, its value, its default, its meaning."""

    spelling: str
    value: str
    default: str
    meaning: str


def parameters(callback: Callable[..., Any]) -> list[Parameter]:
    """The parameters of a command, in order."""
    hints = get_type_hints(callback, include_extras=True)
    found = []
    for name, parameter in inspect.signature(callback).parameters.items():
        kind, *extras = get_args(hints[name]) or (hints[name],)
        info = next(extra for extra in extras if isinstance(extra, ParameterInfo))
        default = _default(parameter.default)
        found.append(Parameter(_spelling(name, info, kind), _value(kind), default, info.help or ""))
    return found


def _spelling(name: str, info: ParameterInfo, kind: Any) -> str:
    if isinstance(info, ArgumentInfo):
        return name.upper()
    flag = name.replace("_", "-")
    # Within Annotated, Typer keeps the first spelling where a default would be.
    first = [info.default] if isinstance(info.default, str) and info.default.startswith("-") else []
    written = [*first, *(info.param_decls or ())] if isinstance(info, OptionInfo) else []
    return ", ".join(written or ([f"--{flag}", f"--no-{flag}"] if kind is bool else [f"--{flag}"]))


def _value(kind: Any) -> str:
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    return " or ".join(WORDS[one] for one in kinds if one is not type(None))


def _default(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return REQUIRED
    return "none" if default in (None, "", False) else f"`{default}`"


def _command(prefix: str, info: CommandInfo) -> Iterator[str]:
    callback = info.callback
    if callback is None:
        return
    name = info.name or callback.__name__.replace("_", "-")
    rows = parameters(callback)
    usage = " ".join([prefix, name, *_usage(rows)])
    yield f"### {prefix} {name}\n\n{inspect.getdoc(callback) or ''}\n\n```console\n{usage}\n```\n"
    if rows:
        yield "| Parameter | Value | Default | Meaning |\n|---|---|---|---|"
        for row in rows:
            yield f"| `{row.spelling}` | {row.value} | {row.default} | {row.meaning} |"
        yield ""


def _usage(rows: list[Parameter]) -> Iterator[str]:
    options = [row for row in rows if row.spelling.startswith("-")]
    if any(row.default != REQUIRED for row in options):
        yield "[options]"
    for row in options:
        if row.default == REQUIRED:
            yield f"{row.spelling} VALUE"
    for row in rows:
        if row not in options:
            yield row.spelling if row.default == REQUIRED else f"[{row.spelling}]"


def _pipeline_commands() -> list[CommandInfo]:
    """All of `modelway ci`: the steps, and what only GitLab's jobs need, each name once."""
    from modelway.cli.ci import app as steps
    from modelway.gitlab.commands import app as gitlab

    found = {info.callback: info for part in (steps, gitlab) for info in part.registered_commands}
    return list(found.values())


def _panels(commands: Iterable[CommandInfo]) -> dict[str, list[CommandInfo]]:
    panels: dict[str, list[CommandInfo]] = {}
    for info in commands:
        panels.setdefault(str(info.rich_help_panel), []).append(info)
    return panels


def cli_reference(root: typer.Typer = app) -> str:
    """The page of all commands."""
    lines = ["# The modelway command\n", _generated("cli"), CLI_HEAD, ""]
    for panel, commands in _panels(root.registered_commands).items():
        lines.append(f"## {panel}\n")
        for info in commands:
            lines += _command("modelway", info)
    lines.append("## Pipelines\n\nThe steps of a pipeline one by one, as GitLab's jobs call them.\n")
    for info in _pipeline_commands():
        lines += _command("modelway ci", info)
    return "\n".join(lines).rstrip() + "\n"


def settings_reference() -> str:
    """The page of the platform's variables."""
    lines = ["# Settings\n", _generated("settings"), SETTINGS_HEAD]
    lines += ["| Variable | Default | Meaning |", "|---|---|---|"]
    lines += _fields(Platform)
    lines.append(f"\n## Building images\n\n{BUILD_HEAD}")
    lines += ["| Variable | Default | Meaning |", "|---|---|---|", *_fields(BuildSettings)]
    lines.append("\n## Folders\n\nWhere things are kept on the machine that runs the command.\n")
    lines += ["| Variable | Default | Meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {default} | {meaning} |" for name, (default, meaning) in OTHER_VARIABLES.items()]
    return "\n".join(lines) + "\n"


def _fields(kind: type[Document]) -> Iterator[str]:
    """A row for each field that is read from a variable."""
    for name, field in kind.model_fields.items():
        default = REQUIRED if field.is_required() else _default(field.get_default(call_default_factory=True))
        yield f"| `MODELWAY_{name.upper()}` | {default} | {field.description} |"


def _generated(page: str) -> str:
    return f"<!-- Generated by `python -m modelway.cli.reference {page}`; change {SOURCES[page]}. -->\n"


PAGES: dict[str, Callable[[], str]] = {"cli": cli_reference, "settings": settings_reference}


def main(arguments: list[str]) -> int:
    """Print one page; the commands' by default."""
    page = arguments[0] if arguments else "cli"
    if page not in PAGES:
        print(f"there is no page {page!r}; there are: {', '.join(PAGES)}", file=sys.stderr)
        return 2
    sys.stdout.write(PAGES[page]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
