"""Our evaluator against @cloud-copilot/iam-simulate: the same verdict on generated cases and on Terraform's calls."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from modelway_local.iam.evaluation import Call, Principal, Verdict, decide

from tests.iam_simulate.cases import ACCOUNT, ROLE, SESSION, Case, cases

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
COUNT, SEED = 600, 8
WORDS = {
    Verdict.ALLOWED: "Allowed",
    Verdict.EXPLICIT_DENY: "ExplicitlyDenied",
    Verdict.IMPLICIT_DENY: "ImplicitlyDenied",
}


@pytest.fixture(scope="session")
def simulator(packages: Path) -> list[str]:
    """The simulator's command."""
    return ["node", str(Path(__file__).with_name("simulate.mjs")), str(packages)]


def simulated(command: list[str], given: list[Case]) -> list[str]:
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    verdicts: list[str] = json.loads(done.stdout)
    return verdicts


def ours(case: Case) -> str:
    context = {name.lower(): tuple([one] if isinstance(one, str) else one) for name, one in case["context"].items()}
    principal = Principal(SESSION, ACCOUNT, ROLE, case["identity"], case["boundary"])
    return WORDS[decide(Call(case["action"], case["resource"], context), principal, case["resourcePolicy"]).verdict]


def test_the_verdict_is_the_simulators(simulator: list[str]) -> None:
    given = cases(COUNT, SEED)
    theirs = simulated(simulator, given)
    assert not [verdict for verdict in theirs if verdict.startswith("error")]
    different: list[Any] = [
        (case, mine, their) for case, their in zip(given, theirs, strict=True) if (mine := ours(case)) != their
    ]
    assert not different, f"{len(different)} of {COUNT}: {json.dumps(different[0], indent=1)}"
    # A generator that allowed nothing would compare nothing.
    assert {theirs.count(word) > COUNT / 10 for word in WORDS.values()} == {True}
