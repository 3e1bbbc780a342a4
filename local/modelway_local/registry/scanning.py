"""Scan findings without a scanner: the Python packages of an image against a list that the stack's owner supplies.

`advisories.json` in the state folder is a list of documents with `name` (e.g. CVE-2026-1), `package`, `affected` (a
version specifier such as "<2.0"), `severity` as ECR spells it, and if you like `uri` and `description`. It is read at
each question. Without the file nothing was scanned, which is another answer than nothing found.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

FILE = "advisories.json"
SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")
_INSTALLED = re.compile(r"(?:.*/)?(?P<name>[^/]+)-(?P<version>[^/-]+)\.dist-info/METADATA")
Document = dict[str, Any]


class AdvisoriesInvalid(Exception):
    """Raised when advisories.json is not such a list."""


def advisories(home: Path) -> list[Document] | None:
    """What the stack's owner knows; None without a file. Raises AdvisoriesInvalid."""
    path = home / FILE
    if not path.exists():
        return None
    try:
        listed: list[Document] = json.loads(path.read_text())
        for one in listed:
            SpecifierSet(one["affected"])
            if one["severity"] not in SEVERITIES:
                raise ValueError(f"severity {one['severity']!r} is none of {', '.join(SEVERITIES)}")
            if missing := {"name", "package"} - one.keys():
                raise ValueError(f"an advisory has no {' and no '.join(sorted(missing))}")
    except (ValueError, KeyError, TypeError, InvalidSpecifier) as error:
        raise AdvisoriesInvalid(f"{path}: {type(error).__name__}: {error}") from error
    return listed


def packages(layers: Iterable[Path]) -> set[tuple[str, str]]:
    """(name, version) of the Python packages that the layers install."""
    found: set[tuple[str, str]] = set()
    for layer in layers:
        with tarfile.open(layer) as tar:
            for name in tar.getnames():
                if match := _INSTALLED.fullmatch(name):
                    found.add((canonicalize_name(match["name"]), match["version"]))
    return found


def findings(installed: set[tuple[str, str]], known: list[Document]) -> Document:
    """ECR's imageScanFindings of basic scanning."""
    found = [
        {
            "name": one["name"],
            "severity": one["severity"],
            "description": one.get("description", ""),
            "uri": one.get("uri", ""),
            "attributes": [{"key": "package_name", "value": name}, {"key": "package_version", "value": version}],
        }
        for one in known
        for name, version in sorted(installed)
        if canonicalize_name(one["package"]) == name
        and SpecifierSet(one["affected"]).contains(version, prereleases=True)
    ]
    return {"findings": found, "findingSeverityCounts": dict(Counter(item["severity"] for item in found))}
