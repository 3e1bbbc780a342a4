"""Lock what an MWAA worker holds with our requirements: `python -m ci.terraform.mwaa_lock [--constraints FILE-OR-URL]`.

ci/terraform/mwaa-lock.txt is our own resolution, of what we need alone, under the constraints that MWAA applies
(Airflow's for its version). The smoke test installs from it, and so needs nothing but a package index; where the
constraints can be reached it fails when they and the lock disagree.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import tomllib
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("mwaa-lock.txt")
# MWAA's Python and machine; and the least that pyproject.toml allows, on which the lock installs too.
PYTHON = "3.12"
LEAST_PYTHON = "3.11"
PLATFORM = "x86_64-manylinux2014"
CONSTRAINTS = "https://raw.githubusercontent.com/apache/airflow/constraints-{airflow}/constraints-{python}.txt"
AIRFLOW_PIN = re.compile(r"apache-airflow==([0-9.]+)")
# What MWAA's image has of Airflow's extras.
AIRFLOW_EXTRAS = "amazon,celery"
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
OURS = "# Not named by Airflow's constraints; requirements.txt pins these."
FETCH_SECONDS = 10.0


def airflow_version() -> str:
    """The pin of pyproject.toml."""
    found = AIRFLOW_PIN.search((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit("pyproject.toml pins no apache-airflow")
    return found[1]


def constraints_url() -> str:
    """Where Airflow keeps the constraints of the pinned version."""
    return CONSTRAINTS.format(airflow=airflow_version(), python=PYTHON)


def pins(text: str) -> dict[str, str]:
    """Version by package, the names as PyPI normalises them."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in PIN.findall(text)}


def providers() -> list[str]:
    """The providers that the DAGs use: pyproject.toml's, Airflow itself left out."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return sorted(line for line in groups["airflow"] if not line.startswith("apache-airflow=="))


def wanted() -> list[str]:
    """All that a worker holds: Airflow as MWAA has it, the providers, and what the core needs to compare models."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = [*project["dependencies"], *project["optional-dependencies"]["evaluation"]]
    return [f"apache-airflow[{AIRFLOW_EXTRAS}]=={airflow_version()}", *providers(), *core]


def fetch(source: str) -> str:
    """The text of a file or an address. Raises OSError when it cannot be had."""
    if source.startswith("https://"):
        with urllib.request.urlopen(source, timeout=FETCH_SECONDS) as answer:
            return str(answer.read().decode())
    return Path(source).read_text(encoding="utf-8")


def disagreements(lock: dict[str, str], constraints: dict[str, str]) -> list[str]:
    """Where the lock has another version than the constraints demand."""
    return [
        f"{name}: {version} in the lock, {constraints[name]} in Airflow's constraints"
        for name, version in sorted(lock.items())
        if constraints.get(name, version) != version
    ]


def extras(lock_text: str) -> list[str]:
    """The pins that requirements.txt must bring: below the line that says so."""
    return [line for line in lock_text.partition(OURS)[2].splitlines() if line]


def render(resolved: dict[str, str], constraints: dict[str, str]) -> str:
    """The lock's text."""
    named = {name: version for name, version in resolved.items() if name in constraints or name.startswith("apache-")}
    head = [
        "# Written by `python -m ci.terraform.mwaa_lock`; do not edit.",
        f"# Airflow {airflow_version()} as MWAA has it, our providers, and what compares models, on Python {PYTHON}.",
        "# Resolved under Airflow's constraints for that version.",
    ]
    rest = {name: version for name, version in resolved.items() if name not in named}
    lines = [[f"{name}=={version}" for name, version in sorted(part.items())] for part in (named, rest)]
    return "\n".join([*head, *lines[0], "", OURS, *lines[1], ""])


def resolve(constraints: str) -> dict[str, str]:
    """Version by package of `wanted()` under the constraints (a text)."""
    with tempfile.TemporaryDirectory() as scratch:
        limits, asked = Path(scratch, "constraints.txt"), Path(scratch, "wanted.in")
        limits.write_text(constraints, encoding="utf-8")
        asked.write_text("\n".join(wanted()), encoding="utf-8")
        target = ["--python-version", LEAST_PYTHON, "--python-platform", PLATFORM, "--constraint", str(limits)]
        command = ["uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", *target, str(asked)]
        return pins(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Resolve and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--constraints", default=constraints_url(), help="file or address of Airflow's constraints")
    text = fetch(parser.parse_args().constraints)
    LOCK.write_text(render(resolve(text), pins(text)), encoding="utf-8")
    print(f"{len(pins(LOCK.read_text(encoding='utf-8')))} packages in {LOCK.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
