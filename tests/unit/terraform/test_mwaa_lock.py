"""What MWAA installs is locked, and the lock is that of pyproject.toml's pins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ci.terraform import mwaa_lock
from ci.terraform.mwaa_smoke import compare

LOCKED = mwaa_lock.pins(mwaa_lock.LOCK.read_text(encoding="utf-8"))


def test_every_requirement_is_locked() -> None:
    names = {re.split(r"[\[=<>]", line)[0] for line in mwaa_lock.wanted()}
    assert names <= set(LOCKED)
    assert LOCKED["apache-airflow"] == mwaa_lock.airflow_version()
    pinned = mwaa_lock.pins("\n".join(mwaa_lock.providers()))
    assert {name: LOCKED[name] for name in pinned} == pinned


def test_requirements_bring_what_constraints_do_not_name() -> None:
    extras = mwaa_lock.pins("\n".join(mwaa_lock.extras(mwaa_lock.LOCK.read_text(encoding="utf-8"))))
    assert "matplotlib" in extras
    assert not [name for name in extras if name.startswith("apache-airflow")]


def test_a_disagreement_names_both_versions(tmp_path: Path) -> None:
    name, version = next(iter(LOCKED.items()))
    (tmp_path / "constraints.txt").write_text(f"{name}==0.0.1\nother_package==1\n")
    with pytest.raises(SystemExit, match=f"{name}: {version} in the lock, 0.0.1 in Airflow's constraints"):
        compare(str(tmp_path / "constraints.txt"))


def test_constraints_that_cannot_be_read_are_said_not_to_be_compared(tmp_path: Path) -> None:
    assert "was not compared" in compare(str(tmp_path / "none.txt"))


def test_names_are_compared_as_pypi_does() -> None:
    assert mwaa_lock.pins("Typing_Extensions==4.15.0 ; python_version < '4'\n# x==1\na[b]==2") == {
        "typing-extensions": "4.15.0",
        "a": "2",
    }
