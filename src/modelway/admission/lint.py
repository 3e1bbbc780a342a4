"""pylint on a model's code, in a process of its own: a repo's rcfile may run code, so it gets no credentials."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelway.admission.findings import Finding
from modelway.shipped import shipped

PLATFORM_RCFILE = shipped("ci/pylintrc")
_RCFILES = ("pylintrc", ".pylintrc", "pylintrc.toml", ".pylintrc.toml")
_BLOCKING = frozenset({"error", "fatal"})
_SECONDS = 180


def rcfile_of(model_dir: Path) -> Path | None:
    """The rcfile of the model's folder or of the repo above it; else the platform's, where it is installed."""
    for folder in _up_to_repo(model_dir.resolve()):
        for name in _RCFILES:
            if (folder / name).is_file():
                return folder / name
        project = folder / "pyproject.toml"
        if project.is_file() and "[tool.pylint" in project.read_text(encoding="utf-8", errors="replace"):
            return project
    return PLATFORM_RCFILE if PLATFORM_RCFILE.is_file() else None


def _up_to_repo(folder: Path) -> Iterator[Path]:
    """The folder and those above it, up to the root of the git repo; the folder only, where there is no repo."""
    above = [folder, *folder.parents]
    root = next((index for index, place in enumerate(above) if (place / ".git").exists()), 0)
    yield from above[: root + 1]


def check_lint(model_dir: Path, source: Path, pythonpath: Sequence[Path] = ()) -> Iterator[Finding]:
    """pylint's messages; errors block, the rest warns. `pythonpath`: installed dependencies, for better answers."""
    files = sorted(str(path.resolve()) for path in source.rglob("*.py"))
    rcfile = rcfile_of(model_dir)
    # What is not installed here cannot be imported here: not the model's fault.
    options = ["--output-format=json2", "--score=n", *([f"--rcfile={rcfile}"] if rcfile else [])]
    options += [] if pythonpath else ["--disable=import-error,no-name-in-module"]
    with tempfile.TemporaryDirectory(prefix="modelway-pylint-") as scratch:
        try:
            result = subprocess.run(
                [sys.executable, "-m", "pylint", *options, *files],
                cwd=model_dir,
                env=_environment(Path(scratch), [source, *pythonpath]),
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            yield Finding("error", "pylint", source, f"pylint did not end within {_SECONDS} s", fix="run it by hand")
            return
    yield from _findings(result, model_dir, rcfile)


def _environment(scratch: Path, pythonpath: Sequence[Path]) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(scratch),
        "PYLINTHOME": str(scratch),
        "PYTHONPATH": ":".join(str(path.resolve()) for path in pythonpath),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
    }


def _findings(result: subprocess.CompletedProcess[str], model_dir: Path, rcfile: Path | None) -> Iterator[Finding]:
    try:
        messages: list[dict[str, Any]] = json.loads(result.stdout)["messages"]
    except (ValueError, KeyError):
        said = (result.stderr or result.stdout).strip().splitlines()[-3:]
        where = rcfile or model_dir
        yield Finding("error", "pylint", where, f"pylint did not run: {' '.join(said)}", fix=f"correct {where}")
        return
    for message in messages:
        yield Finding(
            severity="error" if message["type"] in _BLOCKING else "warning",
            check=f"pylint:{message['symbol']}",
            path=_relative(Path(message["absolutePath"]), model_dir),
            message=message["message"].splitlines()[0],
            line=message["line"] or 0,
            column=(message["column"] or 0) + 1,
        )


def _relative(path: Path, model_dir: Path) -> Path:
    root = model_dir.resolve()
    return model_dir / path.relative_to(root) if path.is_relative_to(root) else path
