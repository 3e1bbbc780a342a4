"""Candidate against champion on the candidate's holdout. Imports scikit-learn and scipy only when called."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway.contracts import (
    ContainerEvaluation,
    Decision,
    Direction,
    EvaluationReport,
    Interval,
    MetricResult,
    ModelSpec,
    ProblemType,
)
from modelway.errors import UserError
from modelway.evaluation.decision import decide

if TYPE_CHECKING:
    from modelway.evaluation.rows import Rows

NOT_REPORTED = "the champion does not report it"


class NotComparable(Exception):
    """Raised within this module when the champion cannot be scored on the candidate's rows; its text says why."""


def compare(
    spec: ModelSpec,
    candidate: ContainerEvaluation,
    champion: ContainerEvaluation | None,
    *,
    model_version: str,
    champion_version: str | None,
    not_comparable: str = "",
) -> tuple[EvaluationReport, Decision]:
    """Score both, bound the differences, decide (the rules are in `evaluation.decision`).

    `champion` None: there is none yet, or `not_comparable` says why it could not be scored. A champion whose rows
    cannot be read or are not the candidate's is not comparable either; that is never an error of the candidate.
    Raises UserError naming the metric when one of the candidate's is missing or not finite, or its rows are unusable.
    """
    known = spec.problem_type is not ProblemType.CUSTOM
    scored = _from_rows(spec, candidate) if known else _from_metrics(spec, candidate)
    if champion is not None and not not_comparable:
        try:
            if known:
                _rows_beside(spec, scored, candidate, champion)
            else:
                _metrics_beside(spec, scored, champion)
        except NotComparable as error:
            not_comparable = str(error)
    report = EvaluationReport(
        model_name=spec.name,
        model_version=model_version,
        champion_version=(champion_version or "unknown") if champion or not_comparable else None,
        not_comparable=not_comparable,
        rows=scored.rows,
        metrics=tuple(_result(spec, name, scored) for name in scored.mine),
    )
    return report, decide(report)


@dataclass
class _Scored:
    """Both subjects' metrics by name, the intervals of their differences, and why a metric has none."""

    rows: int
    mine: dict[str, float]
    theirs: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    not_compared: dict[str, str] = field(default_factory=dict)
    read: Rows | None = None


def _result(spec: ModelSpec, name: str, scored: _Scored) -> MetricResult:
    rule, direction = spec.evaluation.metrics[name], spec.direction_of(name)
    sign = 1.0 if direction is Direction.HIGHER else -1.0
    mine, theirs = scored.mine[name], scored.theirs.get(name)
    return MetricResult(
        name=name,
        direction=direction,
        candidate=mine,
        champion=theirs,
        difference=None if theirs is None else mine - theirs,
        interval=scored.intervals.get(name),
        not_compared=scored.not_compared.get(name, ""),
        role=spec.role_of(name),
        margin=spec.margin_of(name, mine if theirs is None else theirs),
        threshold=rule.threshold,
        min_change=rule.min_change,
        meets_threshold=rule.threshold is None or sign * (mine - rule.threshold) >= 0,
    )


def _from_metrics(spec: ModelSpec, candidate: ContainerEvaluation) -> _Scored:
    """A custom problem: the metrics as the container gave them."""
    mine: dict[str, float] = {}
    for name in spec.evaluation.metrics:
        if name not in candidate.metrics:
            given = ", ".join(candidate.metrics) or "none"
            raise UserError(
                f"metric {name} is missing from the candidate's evaluation.json (given: {given})",
                fix=f"return metrics={{{name!r}: …}} from evaluate() in model.py, or take it out of model.yaml",
            )
        mine[name] = _finite(name, candidate.metrics[name])
    return _Scored(len(candidate.labels), mine)


def _metrics_beside(spec: ModelSpec, scored: _Scored, champion: ContainerEvaluation) -> None:
    for name in spec.evaluation.metrics:
        if name in champion.metrics and math.isfinite(champion.metrics[name]):
            scored.theirs[name] = champion.metrics[name]
        else:
            scored.not_compared[name] = NOT_REPORTED
    if not scored.theirs:
        raise NotComparable(f"it reports none of {', '.join(scored.mine)}")


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise UserError(f"metric {name} of the candidate is {value}", fix="return a finite number from evaluate()")
    return value


def _from_rows(spec: ModelSpec, candidate: ContainerEvaluation) -> _Scored:
    """A known problem: the platform computes the metrics from labels, predictions and scores."""
    from modelway.evaluation.metrics import point_value
    from modelway.evaluation.rows import read_rows

    rows = read_rows(spec, candidate, "candidate")
    mine = {name: point_value(spec.problem_type, name, rows, "candidate") for name in spec.evaluation.metrics}
    return _Scored(rows.count, mine, read=rows)


def _rows_beside(
    spec: ModelSpec, scored: _Scored, candidate: ContainerEvaluation, champion: ContainerEvaluation
) -> None:
    from modelway.evaluation.intervals import difference_intervals
    from modelway.evaluation.metrics import point_value, why_missing
    from modelway.evaluation.rows import read_rows, same_truth

    try:
        rows = scored.read or read_rows(spec, candidate, "candidate")
        champion_rows = read_rows(spec, champion, "champion")
    except UserError as error:
        raise NotComparable(error.message) from error
    if not same_truth(rows, champion_rows):
        raise NotComparable(
            f"candidate ({rows.count} rows) and champion ({champion_rows.count} rows) "
            "do not give the same labels in the same order"
        )
    missing = {name: why_missing(name, champion_rows) for name in scored.mine}
    scored.not_compared = {name: f"of the champion, {why}" for name, why in missing.items() if why}
    comparable = [name for name, why in missing.items() if not why]
    scored.theirs = {name: point_value(spec.problem_type, name, champion_rows, "champion") for name in comparable}
    differences = difference_intervals(
        comparable, rows, champion_rows, same_outputs=_same_outputs(spec, candidate, champion)
    )
    scored.intervals = differences.intervals
    scored.not_compared |= differences.without


def _same_outputs(spec: ModelSpec, candidate: ContainerEvaluation, champion: ContainerEvaluation) -> bool:
    """Whether two models answer every row alike, to the last digit of a number; equal classes alone prove little."""
    numbers = spec.problem_type is ProblemType.REGRESSION or bool(candidate.scores)
    return numbers and candidate.predictions == champion.predictions and candidate.scores == champion.scores
