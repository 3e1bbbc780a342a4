"""A base image from Debian's packages, for a machine that reaches no registry: `python -m ci.images.base_image [NAME]`.

It has Python 3.11 with pip and the certificates, about 245 MB, made by mmdebstrap in half a minute, and is kept in
buildah's storage under NAME (localhost/modelway-base:3.11). Give that to MODELWAY_BASE_IMAGE. Where
docker.io is reachable it is not needed: the Dockerfile's own default is the official Python image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAME = "localhost/modelway-base:3.11"
PACKAGES = "python3,python-is-python3,python3-pip,ca-certificates"
SUITE = "bookworm"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ToolMissing(Exception):
    """Raised when mmdebstrap or buildah is not installed."""


def make(name: str = NAME, storage_driver: str = "overlay") -> str:
    """The image's name, once it is in buildah's storage; nothing is done when it is there already."""
    for tool in ("mmdebstrap", "buildah"):
        if shutil.which(tool) is None:
            raise ToolMissing(f"{tool} is not installed: apt-get install {tool}")
    buildah = ["buildah", "--storage-driver", storage_driver]
    there = [*buildah, "inspect", "--type", "image", name]
    if subprocess.run(there, capture_output=True, check=False).returncode == 0:
        return name
    with tempfile.TemporaryDirectory(prefix="modelway-base-") as folder:
        tar = Path(folder) / "base.tar"
        print(f"{name}: mmdebstrap, about half a minute", file=sys.stderr)
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", SUITE, tar], check=True)
        container = _said([*buildah, "from", "scratch"])
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        subprocess.run([*buildah, "add", "--quiet", container, tar, "/"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*buildah, "config", "--env", f"PATH={PATH}", container], check=True)
        commit = [*buildah, "commit", "--quiet", "--rm", "--format", "docker", "--timestamp", "0", container, name]
        subprocess.run(commit, check=True, stdout=subprocess.DEVNULL, env=environment)
    return name


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    print(make(*sys.argv[1:2]))
