"""What a wheel carries is found from a checkout and from an installed wheel alike."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from modelway import shipped

ROOT = Path(__file__).parents[2]
CARRIED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


@pytest.mark.parametrize(("path", "inside"), CARRIED["force-include"].items())
def test_what_the_wheel_carries_is_found_in_the_checkout(path: str, inside: str) -> None:
    assert inside == f"modelway/_shipped/{path}"
    assert shipped.shipped(path) == ROOT / path
    assert shipped.shipped(path).exists()


def test_the_wheels_own_copy_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path)
    (tmp_path / "_shipped" / "ci").mkdir(parents=True)
    (tmp_path / "_shipped" / "ci" / "pylintrc").touch()
    assert shipped.shipped("ci/pylintrc") == tmp_path / "_shipped" / "ci" / "pylintrc"
