"""docs/reference/terraform.md from the variables and outputs: `python -m ci.terraform.reference [--check]`.

It reads files in the form that `terraform fmt` gives them; a test fails when the document is not current.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "terraform"
DOCUMENT = ROOT / "docs" / "reference" / "terraform.md"
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
ARGUMENT = re.compile(r"^  (\w+)\s+= (.*(?:\n(?:    |  [\]})]|  TEXT$).*)*)", re.MULTILINE)
INTRODUCTION = """# Terraform: variables and outputs

Written by `python -m ci.terraform.reference` from `terraform/`; do not edit. An environment
(`terraform/envs/<environment>`) sets what it wants to differ; `terraform/root` has all that can be set.
`terraform/bootstrap` is what an administrator applies before it, once an account."""


TITLES = {"bootstrap": "Once an account (`terraform/bootstrap`)", "root": "The platform (`terraform/root`)"}


class Block(NamedTuple):
    """A variable or an output; `default` is None where a value is required."""

    name: str
    description: str
    type: str
    default: str | None


def blocks(path: Path, kind: str) -> list[Block]:
    """The blocks of one kind in a file, in their order."""
    found = []
    for match in BLOCK.finditer(path.read_text(encoding="utf-8")):
        if match[1] == kind:
            arguments = {name: value.rstrip() for name, value in ARGUMENT.findall(match[3])}
            found.append(
                Block(match[2], _text(arguments["description"]), arguments.get("type", ""), arguments.get("default"))
            )
    return found


def _text(value: str) -> str:
    if value.startswith("<<-"):
        return " ".join(textwrap.dedent("\n".join(value.splitlines()[1:-1])).split())
    return value.strip('"').replace('\\"', '"')


def _row(block: Block) -> str:
    default = "required" if block.default is None else f"`{_flat(block.default)}`"
    cells = [f"`{block.name}`", f"`{_flat(block.type)}`", default, block.description]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _flat(value: str) -> str:
    """A value on one line, with commas where lines were."""
    lines = [line.strip().rstrip(",") for line in value.splitlines() if line.strip()]
    text = lines[0]
    for line in lines[1:]:
        text += (" " if text[-1] in "({[" or line[0] in ")}]" else ", ") + line
    return re.sub(r"\s+", " ", text)


def render() -> str:
    """The whole document."""
    parts = [INTRODUCTION]
    folders = [TERRAFORM / "bootstrap", TERRAFORM / "root", *sorted((TERRAFORM / "modules").iterdir())]
    for folder in folders:
        title = TITLES.get(folder.name, f"Module `{folder.name}`")
        variables = [_row(block) for block in blocks(folder / "variables.tf", "variable") if block.name != "context"]
        parts += [f"\n## {title}\n", "| Variable | Type | Default | What |", "| --- | --- | --- | --- |", *variables]
        outputs = blocks(folder / "outputs.tf", "output")
        parts += ["\n| Output | What |", "| --- | --- |"]
        parts += [f"| `{block.name}` | {block.description} |" for block in outputs]
    return "\n".join([*parts, ""])


def main() -> None:
    """Write the document, or with --check exit 1 when it is not current."""
    text = render()
    if "--check" in sys.argv[1:]:
        if DOCUMENT.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{DOCUMENT.relative_to(ROOT)} is not current: python -m ci.terraform.reference")
        return
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
