"""Build what MWAA installs: `python -m ci.terraform.mwaa_package [--out dist]` (`make mwaa-package`).

`<out>/mwaa/` then holds plugins.zip (our Airflow glue, and the wheel of the core), requirements.txt, and dags/.
The startup script is Terraform's (terraform/modules/airflow), since it holds names of one environment.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from ci.terraform.archive import files_below, write_zip

ROOT = Path(__file__).parents[2]
# MWAA's Python, and where it unpacks plugins.zip.
PYTHON = "3.12"
PLUGINS = "/usr/local/airflow/plugins"
CONSTRAINTS = "https://raw.githubusercontent.com/apache/airflow/constraints-{airflow}/constraints-{python}.txt"
AIRFLOW_PIN = re.compile(r"apache-airflow==([0-9.]+)")
# Of the same minute on every machine, so that the wheel's bytes are the same too.
SOURCE_DATE_EPOCH = "315532800"


def airflow_version() -> str:
    """The pin of pyproject.toml."""
    found = AIRFLOW_PIN.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit("pyproject.toml pins no apache-airflow")
    return found[1]


def build_wheel(out: Path) -> Path:
    """The core's wheel."""
    command = ["uv", "build", "--quiet", "--wheel", "--package", "modelway", "--out-dir", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH})
    return next(out.glob("modelway-*.whl"))


def requirements(wheel: str, airflow: str) -> str:
    """requirements.txt: Airflow's constraints, the providers of the lock's versions, and our wheel from plugins.zip."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["airflow"]
    lines = [
        f"--constraint {CONSTRAINTS.format(airflow=airflow, python=PYTHON)}",
        "# MWAA brings Airflow itself and refuses another; providers are those of the lock.",
        *sorted(line for line in groups if not line.startswith("apache-airflow==")),
        "# The core, unpacked by MWAA from plugins.zip; `evaluation` is what compares models.",
        f"modelway[evaluation] @ file://{PLUGINS}/{wheel}",
        *_locked(),
    ]
    return "\n".join([*lines, ""])


def _locked() -> list[str]:
    """Versions of what MWAA's constraints do not name, from ci/terraform/mwaa-extra.txt."""
    extra = (Path(__file__).parent / "mwaa-extra.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in extra if line and not line.startswith("#")]


def build(out: Path) -> Path:
    """Write the package; its folder."""
    folder = out / "mwaa"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wheel = build_wheel(folder / "wheel")
    write_zip(folder / "plugins.zip", files_below(ROOT / "plugins") | {wheel.name: wheel})
    (folder / "requirements.txt").write_text(requirements(wheel.name, airflow_version()), encoding="utf-8")
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
