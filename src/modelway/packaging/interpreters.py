"""Pythons without packages: what a model's code runs on outside a container engine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path


def clean_interpreter(folder: Path, minor: str) -> Path:
    """A Python with no packages of its own, of minor version `minor` ("3.11"), made once under `folder`.

    Raises OSError when this machine has no such Python.
    """
    python = folder / minor / "bin" / "python"
    if not python.exists():
        running = f"{sys.version_info.major}.{sys.version_info.minor}"
        base = getattr(sys, "_base_executable", sys.executable) if minor == running else f"python{minor}"
        made = folder / f".{minor}-{os.getpid()}-{threading.get_ident()}"
        made.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([base, "-m", "venv", "--without-pip", "--symlinks", str(made)], check=True)
        with contextlib.suppress(OSError):
            made.rename(folder / minor)
    return python
