"""Every suite runs even when one fails, and the end says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ci.suites import Ended, summary

ROOT = Path(__file__).parents[3]
MAKEFILE = """
first:
	@echo '===== 2 passed, 1 skipped in 0.10s ====='
	@echo 'SKIPPED [1] tests/test_x.py:3: needs Terraform'
second:
	@echo '1 failed, 3 passed in 1.20s'; exit 1
third:
	@echo third ran
left right:
	@touch $@-began; for _ in $$(seq 100); do test -e left-began -a -e right-began && exit 0; sleep 0.1; done; exit 1
"""


def run_suites(folder: Path, *suites: str) -> subprocess.CompletedProcess[str]:
    (folder / "Makefile").write_text(MAKEFILE)
    command = [sys.executable, "-m", "ci.suites", *suites]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_suite_that_fails_keeps_no_other_from_running(tmp_path: Path) -> None:
    ran = run_suites(tmp_path, "first", "second", "third")

    assert ran.returncode == 1
    assert "third ran" in ran.stdout
    said = ran.stdout.split("--- summary\n")[1]
    assert "ok     first" in said
    assert "2 passed, 1 skipped in 0.10s" in said
    assert "FAILED second" in said
    assert "1 failed, 3 passed in 1.20s" in said
    assert "not run: first: tests/test_x.py:3: needs Terraform" in said
    assert said.endswith("failed: second; again with `make second`\n")


def test_two_suites_run_side_by_side_and_never_speak_at_once(tmp_path: Path) -> None:
    ran = run_suites(tmp_path, "left", "right", "first")

    assert ran.returncode == 0, ran.stdout
    said = ran.stdout.split("--- first\n")[1].splitlines()
    assert said[:2] == ["===== 2 passed, 1 skipped in 0.10s =====", "SKIPPED [1] tests/test_x.py:3: needs Terraform"]
    order = [line.split()[1] for line in ran.stdout.split("--- summary\n")[1].splitlines()[:3]]
    assert order == ["left", "right", "first"]


def test_all_passed() -> None:
    assert summary([Ended("unit", 0, 3.2, "9 passed in 3.00s", ())]).endswith("every suite passed")
