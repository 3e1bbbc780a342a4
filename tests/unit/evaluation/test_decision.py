"""Every way to a verdict, from numbers alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.contracts import Direction, EvaluationReport, Interval, MetricResult, MetricRole, Verdict
from modelway.evaluation.decision import decide, standing

GAINED, LOST = (0.01, 0.05), (-0.05, -0.01)
WITHIN, UNCERTAIN = (-0.01, 0.03), (-0.03, 0.03)


def metric(
    name: str, ends: tuple[float, float] | None, role: MetricRole = MetricRole.GUARD, **changes: Any
) -> MetricResult:
    """A metric that is better the higher it is, with a margin of 0.02; `ends` None: not compared."""
    known: dict[str, Any] = {"direction": Direction.HIGHER, "margin": 0.02, "meets_threshold": True, "candidate": 0.8}
    if ends is None:
        known |= {"not_compared": "it is new"}
    else:
        difference = sum(ends) / 2
        known |= {
            "champion": 0.8 - difference,
            "difference": difference,
            "interval": Interval(low=ends[0], high=ends[1]),
        }
    return MetricResult.model_validate({"name": name, "role": role, **known, **changes})


def verdict(*metrics: MetricResult, champion: str | None = "1.0.0+r0", not_comparable: str = "") -> Verdict:
    report = EvaluationReport(
        model_name="m",
        model_version="1.1.0+r0",
        champion_version=champion,
        not_comparable=not_comparable,
        rows=10,
        metrics=metrics,
    )
    decision = decide(report)
    refused = (Verdict.WORSE, Verdict.BELOW_THRESHOLD)
    assert decision.accepted is (decision.verdict not in refused)
    assert decision.for_a_person is (decision.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_COMPARABLE))
    assert ("modelway deploy m --version 1.1.0+r0" in decision.reasons[-1]) is decision.for_a_person
    return decision.verdict


SUCCESS = MetricRole.SUCCESS


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ([metric("s", GAINED, SUCCESS), metric("g", WITHIN)], Verdict.BETTER),
        ([metric("s", GAINED, SUCCESS), metric("g", GAINED)], Verdict.BETTER),
        ([metric("s", GAINED, SUCCESS), metric("g", UNCERTAIN)], Verdict.INCONCLUSIVE),
        ([metric("s", GAINED, SUCCESS), metric("g", None)], Verdict.INCONCLUSIVE),
        ([metric("s", GAINED, SUCCESS), metric("g", LOST)], Verdict.WORSE),
        ([metric("s", LOST, SUCCESS), metric("g", GAINED)], Verdict.WORSE),
        ([metric("s", LOST, SUCCESS), metric("g", UNCERTAIN)], Verdict.WORSE),
        ([metric("s", WITHIN, SUCCESS), metric("g", WITHIN)], Verdict.NO_DIFFERENCE),
        ([metric("s", WITHIN, SUCCESS), metric("g", GAINED)], Verdict.NO_DIFFERENCE),
        ([metric("s", UNCERTAIN, SUCCESS), metric("g", WITHIN)], Verdict.INCONCLUSIVE),
        ([metric("s", UNCERTAIN, SUCCESS)], Verdict.INCONCLUSIVE),
        ([metric("s", None, SUCCESS), metric("g", WITHIN)], Verdict.INCONCLUSIVE),
        ([metric("s", GAINED, SUCCESS), metric("t", UNCERTAIN, SUCCESS)], Verdict.BETTER),
        ([metric("s", GAINED, SUCCESS), metric("t", LOST, SUCCESS)], Verdict.WORSE),
        ([metric("s", GAINED, SUCCESS, meets_threshold=False, threshold=0.9)], Verdict.BELOW_THRESHOLD),
        ([metric("s", (-0.05, -0.01), SUCCESS, min_change=0.04, margin=0.06)], Verdict.NO_DIFFERENCE),
    ],
)
def test_the_verdict_beside_a_champion(metrics: list[MetricResult], expected: Verdict) -> None:
    assert verdict(*metrics) is expected


def test_the_verdict_without_a_comparison() -> None:
    assert verdict(metric("s", None), champion=None) is Verdict.FIRST
    assert verdict(metric("s", None), not_comparable="it raised") is Verdict.NOT_COMPARABLE
    missed = metric("s", None, meets_threshold=False, threshold=0.9)
    assert verdict(missed, not_comparable="it raised") is Verdict.BELOW_THRESHOLD


@pytest.mark.parametrize(
    ("ends", "margin", "expected"),
    [
        ((-0.02, 0.01), 0.02, "uncertain"),  # above minus the margin, not on it
        ((-0.0199, 0.01), 0.02, "holds"),
        ((0.0, 0.0), 0.0, "holds"),
        ((-0.001, 0.01), 0.0, "uncertain"),
        ((0.001, 0.01), 0.0, "better"),
        ((-0.01, -0.001), 0.02, "worse"),  # a loss that is certain is one, within the margin too
    ],
)
def test_what_holds(ends: tuple[float, float], margin: float, expected: str) -> None:
    assert standing(metric("g", ends, margin=margin)) == expected
    turned = metric("g", (-ends[1], -ends[0]), margin=margin, direction=Direction.LOWER)
    assert standing(turned) == expected


MIRROR = {"better": "worse", "worse": "better"}


@given(
    ends=st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(lambda pair: (min(pair), max(pair))),
    margin=st.floats(0, 0.5),
    least=st.floats(0, 0.5),
)
def test_the_models_in_each_others_place_mirror_the_standing(
    ends: tuple[float, float], margin: float, least: float
) -> None:
    how = standing(metric("m", ends, margin=margin, min_change=least))
    back = standing(metric("m", (-ends[1], -ends[0]), margin=margin, min_change=least))
    assert (how in MIRROR) == (back in MIRROR)
    assert MIRROR.get(how, back) == back


@given(
    ends=st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(lambda pair: (min(pair), max(pair))),
    margins=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)).map(lambda pair: (min(pair), max(pair))),
)
def test_a_wider_margin_never_holds_less(ends: tuple[float, float], margins: tuple[float, float]) -> None:
    if standing(metric("g", ends, margin=margins[0])) == "holds":
        assert standing(metric("g", ends, margin=margins[1])) == "holds"
