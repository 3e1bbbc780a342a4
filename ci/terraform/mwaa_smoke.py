"""Install the MWAA package as MWAA does and import every DAG: `python -m ci.terraform.mwaa_smoke` (`make mwaa-smoke`).

A clean virtual environment gets Airflow as locked for MWAA (mwaa-lock.txt), which stands for MWAA's image; plugins.zip
is unpacked, and pip installs requirements.txt from it, cut off from any network, on MWAA's Python. Where there is no
such Python the same versions come from the package index, and this is said: the wheels' tags are checked all the same.
Each DAG file is imported in a process of its own, without any of the variables that the startup script sets.
An import error, a slow import or a DAG file without a DAG fails, and so does a lock that Airflow's own constraints
contradict, where they can be read.
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

from ci.terraform.mwaa_lock import (
    AIRFLOW_EXTRAS,
    LOCK,
    PYTHON,
    ROOT,
    airflow_version,
    constraints_url,
    disagreements,
    fetch,
    pins,
)
from ci.terraform.mwaa_package import PLUGINS, build

# Airflow's dagbag_import_timeout is 30 s; a file that needs a third of it on a busy machine is too slow.
IMPORT_SECONDS = 10.0
# The discard port: nobody listens there.
NOWHERE = "http://127.0.0.1:9"
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


def install(package: Path, environment: Path, python: str) -> Path:
    """The interpreter of a new environment with Airflow and the package's requirements, all as locked."""
    plugins = environment.parent / "plugins"
    with zipfile.ZipFile(package / "plugins.zip") as archive:
        archive.extractall(plugins)
    text = (package / "requirements.txt").read_text(encoding="utf-8").replace(PLUGINS, str(plugins))
    _uv("venv", "--quiet", "--seed", "--python", python, str(environment))
    interpreter = environment / "bin" / "python"
    pip = ("pip", "install", "--quiet", "--python", str(interpreter))
    _uv(*pip, "--constraint", str(LOCK), f"apache-airflow[{AIRFLOW_EXTRAS}]=={airflow_version()}")
    requirements = environment.parent / "requirements.txt"
    if _version(interpreter) == PYTHON:
        requirements.write_text(text, encoding="utf-8")
        _install_offline(interpreter, requirements)
    else:
        print(f"not Python {PYTHON}: the wheels are for that one, so the same versions come from the package index")
        requirements.write_text(text.replace("--no-index\n", ""), encoding="utf-8")
        _uv(*pip, "-r", str(requirements))
    return interpreter


def _version(interpreter: Path) -> str:
    asked = [str(interpreter), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def _install_offline(interpreter: Path, requirements: Path) -> None:
    """As MWAA does it, by pip; no address answers and no configuration names another source of packages."""
    nowhere = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1"}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--no-input", "-r", str(requirements)]
    done = subprocess.run(command, env={**kept, **nowhere}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the package cannot be installed without a network:\n{done.stderr[-4000:]}")
    print(f"installed from plugins.zip alone, by pip on Python {PYTHON}")


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


def compare(source: str) -> str:
    """Whether the lock is what Airflow's constraints demand. Raises SystemExit where it is not."""
    try:
        constraints = fetch(source)
    except OSError as error:
        return f"mwaa-lock.txt was not compared with {source}: {error}"
    if found := disagreements(pins(LOCK.read_text(encoding="utf-8")), pins(constraints)):
        raise SystemExit("\n".join([*found, "fix: python -m ci.terraform.mwaa_lock"]))
    return f"mwaa-lock.txt agrees with {source}"


def interpreter_for(version: str) -> str:
    """MWAA's Python where this machine has it, pyenv's included, else the one that runs this."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    if kept := sorted(pyenv.glob(f"versions/{version}.*/bin/python3")):
        return str(kept[-1])
    found = subprocess.run(
        ["uv", "python", "find", "--no-python-downloads", version], capture_output=True, text=True, check=False
    )
    if found.returncode == 0:
        return found.stdout.strip()
    print(f"no Python {version} here: installed on {sys.version.split()[0]} instead", file=sys.stderr)
    return sys.executable


def check(package: Path, python: str) -> list[str]:
    """Install and import; one line for each DAG file. Raises SystemExit with what is wrong."""
    said = []
    with tempfile.TemporaryDirectory(prefix="modelway-mwaa-") as scratch:
        interpreter = install(package, Path(scratch) / "venv", python)
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
    parser.add_argument("--constraints", default=constraints_url(), help="file or address to compare the lock with")
    parser.add_argument("--python", default="", help=f"interpreter; {PYTHON}, MWAA's, where there is one")
    arguments = parser.parse_args()
    print(compare(arguments.constraints))
    package = build(arguments.out)
    print("\n".join(check(package, arguments.python or interpreter_for(PYTHON))))


if __name__ == "__main__":
    main()
