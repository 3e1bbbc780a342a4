"""buildah, and a base image from Debian's packages: installed and made where they are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ci.images import base_image

TOOLS = ("buildah", "mmdebstrap")


def install_tools(*names: str) -> None:
    """Install Debian packages that give the command of their name; skips, saying why, where that cannot be."""
    missing = [name for name in names if shutil.which(name) is None]
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(f"{', '.join(missing)} missing, and only root on a Debian can install them")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", *command], capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            pytest.skip(f"apt-get {command[0]} failed, so {', '.join(missing)} are missing: {done.stderr[-300:]}")


def make_base() -> str:
    """Name of a base image with Python 3.11, in buildah's storage; skips, saying why, where it cannot be made."""
    install_tools(*TOOLS)
    if os.geteuid() != 0:
        pytest.skip("buildah's overlay storage and mmdebstrap are run as root here")
    # As in a container with Docker's default profile.
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets root make no mount namespace, so buildah cannot build")
    try:
        return base_image.make()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no base image could be made: {error}")


@pytest.fixture(scope="session")
def base() -> str:
    """A base image."""
    return make_base()


@pytest.fixture(scope="session")
def pushed(base: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base image as a registry gets it: manifest.json, and the config and layers named by their digests."""
    folder = tmp_path_factory.mktemp("pushed") / "image"
    options = ["--quiet", "--disable-compression=false", "--format", "v2s2"]
    subprocess.run(["buildah", "--storage-driver", "overlay", "push", *options, base, f"dir:{folder}"], check=True)
    return folder
