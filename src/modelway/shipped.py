"""Files from outside the package that the wheel carries along: the model template and the platform's pylintrc."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(path: str) -> Path:
    """`path`, relative to the repo's root, as a file or folder: from the wheel, else from the checkout."""
    packaged = _PACKAGE / "_shipped" / path  # pyproject.toml says what goes there
    return packaged if packaged.exists() else _PACKAGE.parents[1] / path
