"""Installs the dependencies of model repos into the cache: `python -m modelway.packaging.warm FOLDER...`."""

from __future__ import annotations

import sys
from pathlib import Path

from modelway.packaging.dependencies import install


def main(folders: list[str]) -> None:
    """Warm the cache for each folder's requirements.txt."""
    for folder in folders:
        install(Path(folder) / "requirements.txt", lambda step: print(step, file=sys.stderr))


if __name__ == "__main__":
    main(sys.argv[1:])
