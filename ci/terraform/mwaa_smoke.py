"""Install the MWAA package as MWAA does and import every DAG: `python -m ci.terraform.mwaa_smoke [--constraints FILE]`.

A clean virtual environment gets Airflow under its own constraints (from FILE, or from Airflow's site), then
requirements.txt; plugins.zip is unpacked; each DAG file is imported in a process of its own, without any of the
variables that the startup script sets. An import error, a slow import or a DAG file without a DAG fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ci.terraform.mwaa_package import CONSTRAINTS, PLUGINS, PYTHON, ROOT, airflow_version, build

# Airflow's dagbag_import_timeout is 30 s; a file that needs a third of it on a busy machine is too slow.
IMPORT_SECONDS = 10.0
PROBE = """
import json, sys, time
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag
started = time.perf_counter()
bag = DagBag(sys.argv[1], include_examples=False)
seconds = time.perf_counter() - started
tasks = sum(len(dag.task_ids) for dag in bag.dags.values())
found = {"dags": sorted(bag.dags), "tasks": tasks, "seconds": seconds, "errors": list(bag.import_errors.values())}
print(json.dumps(found))
"""


def _uv(*arguments: str) -> None:
    subprocess.run(["uv", *arguments], check=True)


def install(package: Path, environment: Path, constraints: str, python: str) -> Path:
    """The interpreter of a new environment with Airflow and the package's requirements."""
    plugins = environment.parent / "plugins"
    with zipfile.ZipFile(package / "plugins.zip") as archive:
        archive.extractall(plugins)
    text = (package / "requirements.txt").read_text(encoding="utf-8")
    online = CONSTRAINTS.format(airflow=airflow_version(), python=PYTHON)
    requirements = environment.parent / "requirements.txt"
    requirements.write_text(text.replace(PLUGINS, str(plugins)).replace(online, constraints), encoding="utf-8")
    _uv("venv", "--quiet", "--python", python, str(environment))
    interpreter = environment / "bin" / "python"
    pip = ("pip", "install", "--quiet", "--python", str(interpreter))
    _uv(*pip, "--constraint", constraints, f"apache-airflow[celery,amazon]=={airflow_version()}")
    _uv(*pip, "-r", str(requirements))
    return interpreter


def import_dag(interpreter: Path, dag: Path, plugins: Path, home: Path) -> dict[str, object]:
    """What one DAG file defines, and how long its import took. Raises SystemExit with the traceback."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment = {
        **kept,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
    }
    done = subprocess.run(
        [str(interpreter), "-c", PROBE, str(dag)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{dag.name} cannot be imported under MWAA's requirements:\n{done.stderr[-4000:]}")
    found: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def check(package: Path, constraints: str, python: str) -> list[str]:
    """Install and import; one line for each DAG file. Raises SystemExit with what is wrong."""
    said = []
    with tempfile.TemporaryDirectory(prefix="modelway-mwaa-") as scratch:
        interpreter = install(package, Path(scratch) / "venv", constraints, python)
        for dag in sorted((package / "dags").rglob("*.py")):
            found = import_dag(interpreter, dag, Path(scratch) / "plugins", Path(scratch) / "airflow")
            seconds = float(str(found["seconds"]))
            if found["errors"]:
                raise SystemExit(f"{dag.name} cannot be imported:\n{found['errors']}")
            if not found["dags"]:
                raise SystemExit(f"{dag.name} defines no DAG")
            if seconds > IMPORT_SECONDS:
                raise SystemExit(f"{dag.name} takes {seconds:.1f} s to import; at most {IMPORT_SECONDS:.0f} s")
            said.append(f"{dag.name}: {found['dags']}, {found['tasks']} tasks, imported in {seconds:.1f} s")
    return said


def main() -> None:
    """Build the package and check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--constraints", default="", help="file to use instead of Airflow's site")
    parser.add_argument("--python", default=PYTHON, help=f"MWAA has {PYTHON}")
    arguments = parser.parse_args()
    package = build(arguments.out)
    constraints = arguments.constraints or CONSTRAINTS.format(airflow=airflow_version(), python=PYTHON)
    print("\n".join(check(package, constraints, arguments.python)), file=sys.stdout)


if __name__ == "__main__":
    main()
