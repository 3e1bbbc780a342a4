"""Build the Lambdas' zips: `python -m ci.terraform.lambda_package [--out dist] [--python 3.12]`.

Each holds its handler, those modules of `modelway` that the handler reaches, and pydantic where one of them imports
it. boto3 is the runtime's own.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from ci.terraform.archive import files_below, write_zip

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
# What Lambda's Python runtime brings along.
RUNTIME_HAS = {"boto3", "botocore", *sys.stdlib_module_names}
PLATFORM = "x86_64-manylinux2014"


def _imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module_file(name: str) -> Path | None:
    path = SOURCE.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def reached(handler: Path) -> tuple[set[Path], set[str]]:
    """Files of `modelway` that a handler imports, directly or not, and the third-party packages besides."""
    files: set[Path] = set()
    packages: set[str] = set()
    waiting = [handler]
    while waiting:
        for name in _imported(waiting.pop()):
            top = name.split(".", 1)[0]
            if top != "modelway":
                packages |= {top} - RUNTIME_HAS
                continue
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                file = _module_file(".".join(parts[:length]))
                if file and file not in files:
                    files.add(file)
                    waiting.append(file)
    return files, packages


def _locked() -> str:
    """Every version of uv.lock, as constraints: MWAA has the same."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    packages = [entry for entry in lock["package"] if "registry" in entry["source"]]
    return "".join(f"{entry['name']}=={entry['version']}\n" for entry in packages)


def _install(packages: set[str], python: str, scratch: Path) -> Path:
    """The packages and what they need, installed into a folder below `scratch`."""
    constraints, target = scratch / "constraints.txt", scratch / "packages"
    constraints.write_text(_locked(), encoding="utf-8")
    where = ["--target", str(target), "--python-version", python, "--python-platform", PLATFORM]
    command = ["uv", "pip", "install", "--quiet", "--only-binary", ":all:", "--link-mode", "copy", *where]
    subprocess.run([*command, "--constraint", str(constraints), *sorted(packages)], check=True)
    return target


def build(function: str, out: Path, python: str) -> tuple[Path, str]:
    """Write `<out>/<function>.zip`; its path and sha256."""
    folder = ROOT / "lambdas" / function
    modules, packages = reached(folder / "handler.py")
    with tempfile.TemporaryDirectory() as scratch:
        files = files_below(folder) | {path.relative_to(SOURCE).as_posix(): path for path in modules}
        if packages:
            files |= files_below(_install(packages, python, Path(scratch)))
        target = out / f"{function}.zip"
        return target, write_zip(target, files)


def main() -> None:
    """Build every function below lambdas/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder; the zips go to its lambda/")
    parser.add_argument("--python", default="3.12", help="Lambda's Python")
    arguments = parser.parse_args()
    for folder in sorted((ROOT / "lambdas").iterdir()):
        if (folder / "handler.py").is_file():
            target, digest = build(folder.name, arguments.out / "lambda", arguments.python)
            print(f"{digest[:12]} {target.stat().st_size / 1e6:5.1f} MB {target}")


if __name__ == "__main__":
    main()
