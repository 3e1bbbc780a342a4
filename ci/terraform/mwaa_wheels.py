"""The wheels that MWAA's image lacks, for its own Python and machine.

An environment without a way to the internet (PRIVATE_ONLY, or egress = "endpoints") reaches no package index: AWS's way
is to ship wheels in plugins.zip and to install from there alone.
https://docs.aws.amazon.com/mwaa/latest/userguide/best-practices-dependencies.html
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from ci.terraform.mwaa_lock import AIRFLOW_EXTRAS, LOCK, PLATFORM, PYTHON, airflow_version, pins

# Of Amazon Linux 2023, which MWAA's images are built on.
LEAST_GLIBC, GLIBC = 17, 34
# https://docs.aws.amazon.com/mwaa/latest/userguide/configuring-dag-import-plugins.html#configuring-dag-plugins-quota
LIMIT_BYTES = 1_000_000_000
PLATFORMS = ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(LEAST_GLIBC, GLIBC + 1))]
WHEEL = re.compile(
    r"^(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl$"
)
MANYLINUX = re.compile(r"^manylinux_2_(\d+)_x86_64$")
OLD_MANYLINUX = {"manylinux1_x86_64", "manylinux2010_x86_64", "manylinux2014_x86_64"}


def problem(file_name: str) -> str:
    """Why MWAA's pip would not install a wheel of this name; empty when it would."""
    tags = WHEEL.match(file_name)
    if tags is None:
        return f"{file_name}: no wheel"
    if not any(_fits_python(python, tags["abi"]) for python in tags["python"].split(".")):
        return f"{file_name}: for {tags['python']}-{tags['abi']}, not Python {PYTHON}"
    if not any(_fits_platform(platform) for platform in tags["platform"].split(".")):
        return f"{file_name}: for {tags['platform']}, not x86_64 with glibc 2.{GLIBC}"
    return ""


def _fits_python(python: str, abi: str) -> bool:
    minor = int(PYTHON.split(".")[1])
    if abi == "none":
        return python in {"py3", f"py3{minor}", f"cp3{minor}"}
    if abi == "abi3":
        return python.startswith("cp3") and int(python.removeprefix("cp3")) <= minor
    return python == abi == f"cp3{minor}"


def _fits_platform(platform: str) -> bool:
    newer = MANYLINUX.match(platform)
    return platform == "any" or platform in OLD_MANYLINUX or (newer is not None and int(newer[1]) <= GLIBC)


def in_the_image() -> set[str]:
    """What MWAA's image holds: Airflow with its extras, and all that they need."""
    target = ["--python-version", PYTHON, "--python-platform", PLATFORM, "--constraint", str(LOCK)]
    command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", *target, "-"]
    asked = f"apache-airflow[{AIRFLOW_EXTRAS}]=={airflow_version()}"
    done = subprocess.run(command, input=asked, check=True, capture_output=True, text=True)
    return set(pins(done.stdout))


def lacking() -> list[str]:
    """The pins of the lock that MWAA's image does not hold."""
    image = in_the_image()
    locked = pins(LOCK.read_text(encoding="utf-8"))
    return [f"{name}=={version}" for name, version in sorted(locked.items()) if name not in image]


def cache_folder(wanted: list[str]) -> Path:
    """Where the wheels of exactly these pins are kept."""
    root = Path(os.environ.get("MODELWAY_CACHE") or Path.home() / ".cache" / "modelway")
    return root / "mwaa-wheels" / hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:16]


def download(wanted: list[str]) -> list[Path]:
    """One wheel for each pin, from the package index or from an earlier time.

    Raises SystemExit for a pin that has no wheel, or one that MWAA could not install.
    """
    folder = cache_folder(wanted)
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
        where = ["--dest", str(partial), "--python-version", PYTHON, *platforms, "--only-binary", ":all:"]
        command = ["uv", "tool", "run", "--quiet", "pip", "download", "--quiet", "--no-deps", *where, *wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"no wheels for MWAA: {done.stderr.strip()[-1000:]}")
        partial.rename(folder)
    wheels = sorted(folder.glob("*.whl"))
    check(wheels, wanted)
    return wheels


def check(wheels: list[Path], wanted: list[str]) -> None:
    """Raises SystemExit unless there is one wheel for each pin, and MWAA can install it."""
    if found := [said for wheel in wheels if (said := problem(wheel.name))]:
        raise SystemExit("\n".join(found))
    shipped = {_pin(wheel.name) for wheel in wheels}
    if missing := sorted(set(wanted) - shipped):
        raise SystemExit(f"no wheel of {', '.join(missing)}")


def _pin(file_name: str) -> str:
    tags = WHEEL.match(file_name)
    return f"{re.sub(r'[-_.]+', '-', tags['name']).lower()}=={tags['version']}" if tags else ""
