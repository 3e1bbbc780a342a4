"""requirements.txt as MWAA wants it."""

from __future__ import annotations

import re

from ci.terraform.mwaa_lock import airflow_version
from ci.terraform.mwaa_package import requirements


def test_the_constraint_line_is_first_and_names_the_pinned_airflow() -> None:
    first = requirements("modelway-1.0.0-py3-none-any.whl").splitlines()[0]
    assert first.startswith("--constraint https://")
    assert f"constraints-{airflow_version()}/" in first


def test_airflow_itself_is_left_to_mwaa_and_all_else_is_pinned() -> None:
    text = requirements("modelway-1.0.0-py3-none-any.whl")
    lines = [line for line in text.splitlines()[1:] if not line.startswith("#")]
    assert not [line for line in lines if re.match(r"apache-airflow\b(?!-)", line)]
    assert all("==" in line or " @ file:///usr/local/airflow/plugins/" in line for line in lines)
