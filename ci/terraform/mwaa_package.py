"""Build what MWAA installs: `python -m ci.terraform.mwaa_package [--out dist]` (`make mwaa-package`).

`<out>/mwaa/` then holds plugins.zip (our Airflow glue, the wheel of the core, and every wheel that MWAA's image lacks,
with the constraints), requirements.txt, which installs from there and from no index, and dags/.
The startup script is Terraform's (terraform/modules/airflow), since it holds names of one environment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

from ci.terraform import mwaa_wheels
from ci.terraform.archive import files_below, write_zip
from ci.terraform.mwaa_lock import LOCK, extras, providers

ROOT = Path(__file__).parents[2]
# Where MWAA unpacks plugins.zip.
PLUGINS = "/usr/local/airflow/plugins"
CONSTRAINTS = "constraints.txt"
# Of the same minute on every machine, so that the wheel's bytes are the same too.
SOURCE_DATE_EPOCH = "315532800"


def build_wheel(out: Path) -> Path:
    """The core's wheel."""
    command = ["uv", "build", "--quiet", "--wheel", "--package", "modelway", "--out-dir", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH})
    return next(out.glob("modelway-*.whl"))


def requirements(wheel: str) -> str:
    """requirements.txt: everything from plugins.zip, under the lock, since an environment may reach no index.

    Without a constraint of our own MWAA sets one, at an address that it could not reach either.
    https://docs.aws.amazon.com/mwaa/latest/userguide/best-practices-dependencies.html
    """
    version = wheel.split("-")[1]
    lines = [
        f"--constraint {PLUGINS}/{CONSTRAINTS}",
        f"--find-links {PLUGINS}",
        "--no-index",
        "# MWAA brings Airflow itself and refuses another; providers are those of the lock.",
        *providers(),
        "# The core; `evaluation` is what compares models.",
        f"modelway[evaluation]=={version}",
        *extras(LOCK.read_text(encoding="utf-8")),
    ]
    return "\n".join([*lines, ""])


def build(out: Path, *, wheels: bool = True) -> Path:
    """Write the package; its folder. Without `wheels` nothing can be installed from it: the loopback installs nothing.

    Raises SystemExit for a wheel that MWAA could not install, and for a package that is larger than it takes.
    """
    folder = out / "mwaa"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wheel = build_wheel(folder / "wheel")
    files = files_below(ROOT / "plugins") | {wheel.name: wheel, CONSTRAINTS: LOCK}
    if wheels:
        files |= {path.name: path for path in mwaa_wheels.download(mwaa_wheels.lacking())}
    write_zip(folder / "plugins.zip", files)
    if (size := (folder / "plugins.zip").stat().st_size) > mwaa_wheels.LIMIT_BYTES:
        raise SystemExit(f"plugins.zip has {size / 1e6:.0f} MB; MWAA takes {mwaa_wheels.LIMIT_BYTES / 1e6:.0f}")
    (folder / "requirements.txt").write_text(requirements(wheel.name), encoding="utf-8")
    for name, path in files_below(ROOT / "dags").items():
        target = folder / "dags" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


def main() -> None:
    """Build and list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder; the package goes to its mwaa/")
    parser.add_argument("--no-wheels", action="store_true", help="leave the wheels out (the loopback installs nothing)")
    arguments = parser.parse_args()
    folder = build(arguments.out, wheels=not arguments.no_wheels)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size / 1e3:8.1f} kB {path}")


if __name__ == "__main__":
    main()
