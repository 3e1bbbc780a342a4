"""pylint on a model's code, by the platform's rcfile alone.

A repo's own rcfile (pylintrc, pyproject.toml, setup.cfg, tox.ini) could run code (init-hook, load-plugins) or switch
the lint off (disable, ignore), so none is read. pylint puts the linted folder on its own path, so a module there may
still be imported in place of another: it runs as a user of its own where it can, without our environment, and in a job
without an identity.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelway.admission.findings import Finding
from modelway.admission.unprivileged import hand_over, own_user
from modelway.shipped import shipped

PLATFORM_RCFILE = shipped("ci/pylintrc")
_BLOCKING = frozenset({"error", "fatal"})
_SECONDS = 180


def check_lint(model_dir: Path, source: Path, pythonpath: Sequence[Path] = ()) -> Iterator[Finding]:
    """pylint's messages; errors block, the rest warns. `pythonpath`: installed dependencies, for better answers."""
    files = sorted(str(path.resolve()) for path in source.rglob("*.py"))
    rcfile = PLATFORM_RCFILE if PLATFORM_RCFILE.is_file() else Path(os.devnull)
    options = [f"--rcfile={rcfile}", "--output-format=json2", "--score=n"]
    options.append("--source-roots=" + ",".join(str(path.resolve()) for path in (source, *pythonpath)))
    # What is not installed here cannot be imported here: not the model's fault.
    options += [] if pythonpath else ["--disable=import-error,no-name-in-module"]
    needed = [Path(sys.executable), Path(__file__), rcfile, *map(Path, files), *pythonpath]
    own = own_user(needed)
    with tempfile.TemporaryDirectory(prefix="modelway-pylint-", ignore_cleanup_errors=True) as scratch:
        if own:
            hand_over(Path(scratch))
        try:
            result = subprocess.run(
                # -I: neither the folder that it runs in nor PYTHONPATH comes before pylint's own modules.
                [sys.executable, "-I", "-m", "pylint", *options, "--", *files],
                cwd=scratch,
                env=_environment(Path(scratch)),
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
                **own,
            )
        except subprocess.TimeoutExpired:
            yield Finding("error", "pylint", source, f"pylint did not end within {_SECONDS} s", fix="run it by hand")
            return
    yield from _findings(result, model_dir)


def _environment(scratch: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(scratch),
        "PYLINTHOME": str(scratch),
        "LANG": "C.UTF-8",
    }


def _findings(result: subprocess.CompletedProcess[str], model_dir: Path) -> Iterator[Finding]:
    try:
        messages: list[dict[str, Any]] = json.loads(result.stdout)["messages"]
    except (ValueError, KeyError):
        said = (result.stderr or result.stdout).strip().splitlines()[-3:]
        yield Finding("error", "pylint", model_dir, f"pylint did not run: {' '.join(said)}")
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
