"""Build what MWAA installs: `python -m ci.terraform.mwaa_package [--out dist]` (`make mwaa-package`).

`<out>/mwaa/` then holds plugins.zip (our Airflow glue, and the wheel of the core), requirements.txt, and dags/.
The startup script is Terraform's (terraform/modules/airflow), since it holds names of one environment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

from ci.terraform.archive import files_below, write_zip
from ci.terraform.mwaa_lock import LOCK, constraints_url, extras, providers

ROOT = Path(__file__).parents[2]
# Where MWAA unpacks plugins.zip.
PLUGINS = "/usr/local/airflow/plugins"
# Of the same minute on every machine, so that the wheel's bytes are the same too.
SOURCE_DATE_EPOCH = "315532800"


def build_wheel(out: Path) -> Path:
    """The core's wheel."""
    command = ["uv", "build", "--quiet", "--wheel", "--package", "modelway", "--out-dir", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH})
    return next(out.glob("modelway-*.whl"))


def requirements(wheel: str) -> str:
    """requirements.txt: Airflow's constraints, providers, our wheel from plugins.zip, pins that no constraint has."""
    lines = [
        f"--constraint {constraints_url()}",
        "# MWAA brings Airflow itself and refuses another; providers are those of the lock.",
        *providers(),
        "# The core, unpacked by MWAA from plugins.zip; `evaluation` is what compares models.",
        f"modelway[evaluation] @ file://{PLUGINS}/{wheel}",
        *extras(LOCK.read_text(encoding="utf-8")),
    ]
    return "\n".join([*lines, ""])


def build(out: Path) -> Path:
    """Write the package; its folder."""
    folder = out / "mwaa"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wheel = build_wheel(folder / "wheel")
    write_zip(folder / "plugins.zip", files_below(ROOT / "plugins") | {wheel.name: wheel})
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
    folder = build(parser.parse_args().out)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size / 1e3:8.1f} kB {path}")


if __name__ == "__main__":
    main()
