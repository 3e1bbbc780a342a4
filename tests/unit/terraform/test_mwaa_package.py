"""requirements.txt as MWAA wants it."""

from __future__ import annotations

import re

from ci.terraform.mwaa_package import requirements


def test_everything_comes_from_plugins_zip_and_nothing_from_an_index() -> None:
    """Without a constraint MWAA sets one of its own, at an address."""
    lines = requirements("modelway-1.0.0-py3-none-any.whl").splitlines()
    assert lines[:3] == [
        "--constraint /usr/local/airflow/plugins/constraints.txt",
        "--find-links /usr/local/airflow/plugins",
        "--no-index",
    ]
    assert "://" not in "".join(lines)


def test_airflow_itself_is_left_to_mwaa_and_all_else_is_pinned() -> None:
    text = requirements("modelway-1.0.0-py3-none-any.whl")
    lines = [line for line in text.splitlines() if not line.startswith(("#", "--"))]
    assert not [line for line in lines if re.match(r"apache-airflow\b(?!-)", line)]
    assert all("==" in line for line in lines)
    assert "modelway[evaluation]==1.0.0" in lines
