"""Expressions that take for ever, told from those that only look complicated."""

from __future__ import annotations

import pytest

from modelway.admission.runaway import runs_away


@pytest.mark.parametrize("expression", ["(a+)+$", "loss=(([0-9]+)*)x", r"(\w+\s?)+$", "(a|aa)+$", "x(?:(b*)*)c"])
def test_it_runs_away(expression: str) -> None:
    assert runs_away(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "loss=([0-9.]+)",
        r"^epoch: (\d+\.)+(\d+)$",
        "loss=(.*?), acc=(.*)",
        r"#quality_metric: host=\S+, train loss <loss>=([0-9.e+-]+)",
        "(?:[^,]*,)*loss=([0-9.]+)",
        r"(\w+:\s*)+val=(.*)",
        "(a{2,5})b",
        "plain",
    ],
)
def test_it_is_done_with_every_line(expression: str) -> None:
    assert not runs_away(expression)
