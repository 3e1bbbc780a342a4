"""Every job of the platform's pipelines, read from the YAML: include, extends, !reference and matrices resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
START = ROOT / ".gitlab-ci.yml"
KEYWORDS = {"stages", "variables", "workflow", "include", "default", "spec"}


class Reference(list[str]):
    """`!reference [job, key, ...]`."""


class Loader(yaml.SafeLoader):
    """Reads GitLab's `!reference`."""


Loader.add_constructor("!reference", lambda loader, node: Reference(loader.construct_sequence(node)))


def document(path: Path) -> dict[str, Any]:
    """The last document of a file: the one after the `spec:` header, where there is one."""
    read: dict[str, Any] = list(yaml.load_all(path.read_text(), Loader=Loader))[-1]
    return read


def merged() -> dict[str, Any]:
    """The root file and every file that it includes."""
    root = document(START)
    everything: dict[str, Any] = {}
    for entry in root["include"]:
        everything = _deep(everything, document(ROOT / entry["local"]))
    return _deep(everything, root)


def _deep(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """GitLab's merge: hashes key by key, all else replaced."""
    both = {
        key: _deep(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return below | both


def jobs() -> dict[str, dict[str, Any]]:
    """Each job that can run, complete; a matrix gives one job for each of its rows' values."""
    everything = merged()
    real = {name for name, job in everything.items() if isinstance(job, dict) and name not in KEYWORDS}
    return {name: _job(everything, name) for name in real if not name.startswith(".")}


def _job(everything: dict[str, Any], name: str) -> dict[str, Any]:
    defaults = {"image": everything["default"]["image"]}
    complete = _deep(defaults, _extended(everything, name))
    complete["variables"] = everything.get("variables", {}) | complete.get("variables", {})
    resolved: dict[str, Any] = _resolve(everything, complete)
    return resolved


def _extended(everything: dict[str, Any], name: str) -> dict[str, Any]:
    job = everything[name]
    parents = job.get("extends", [])
    base: dict[str, Any] = {}
    for parent in [parents] if isinstance(parents, str) else parents:
        base = _deep(base, _extended(everything, parent))
    return _deep(base, {key: value for key, value in job.items() if key != "extends"})


def _resolve(everything: dict[str, Any], value: Any) -> Any:
    if isinstance(value, Reference):
        target: Any = _extended(everything, value[0])
        for key in value[1:]:
            target = target[key]
        return _resolve(everything, target)
    if isinstance(value, dict):
        return {key: _resolve(everything, item) for key, item in value.items()}
    if isinstance(value, list):
        parts = [(_resolve(everything, item), isinstance(item, Reference)) for item in value]
        return [line for part, spread in parts for line in (part if spread and isinstance(part, list) else [part])]
    return value


def lines(job: dict[str, Any]) -> list[str]:
    """All that a job's shell is given."""
    scripts = [job.get(key) or [] for key in ("before_script", "script", "after_script")]
    return [line for part in scripts for line in ([part] if isinstance(part, str) else part)]


def has_identity(job: dict[str, Any]) -> bool:
    """Whether a job can get an AWS identity, a variable of an environment's scope, or uses its job token."""
    return bool(job.get("id_tokens") or job.get("environment") or job.get("secrets")) or any(
        "CI_JOB_TOKEN" in line for line in lines(job)
    )
