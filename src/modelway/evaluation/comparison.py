"""Candidate against champion on the candidate's holdout. Imports scikit-learn and scipy only when called."""

from __future__ import annotations

import math
from collections.abc import Mapping
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


def compare(
    spec: ModelSpec,
    candidate: ContainerEvaluation,
    champion: ContainerEvaluation | None,
    *,
    model_version: str,
    champion_version: str | None,
) -> tuple[EvaluationReport, Decision]:
    """Score both, bound the differences, decide (the rules are in `evaluation.decision`).

    `champion` None: there is none yet. Raises UserError naming the metric when one is missing, not finite, or the
    rows are unusable; and when candidate and champion were not scored on the same rows.
    """
    if spec.problem_type is ProblemType.CUSTOM:
        rows, mine, theirs, intervals = _from_metrics(spec, candidate, champion)
    else:
        rows, mine, theirs, intervals = _from_rows(spec, candidate, champion)
    report = EvaluationReport(
        model_name=spec.name,
        model_version=model_version,
        champion_version=(champion_version or "unknown") if champion else None,
        rows=rows,
        metrics=tuple(_result(spec, name, mine[name], theirs.get(name), intervals.get(name)) for name in mine),
    )
    return report, decide(report)


_Scored = tuple[int, dict[str, float], dict[str, float], Mapping[str, Interval]]


def _result(spec: ModelSpec, name: str, mine: float, theirs: float | None, interval: Interval | None) -> MetricResult:
    rule, direction = spec.evaluation.metrics[name], spec.direction_of(name)
    sign = 1.0 if direction is Direction.HIGHER else -1.0
    return MetricResult(
        name=name,
        direction=direction,
        candidate=mine,
        champion=theirs,
        difference=None if theirs is None else mine - theirs,
        interval=interval,
        threshold=rule.threshold,
        min_change=rule.min_change,
        meets_threshold=rule.threshold is None or sign * (mine - rule.threshold) >= 0,
    )


def _from_metrics(spec: ModelSpec, candidate: ContainerEvaluation, champion: ContainerEvaluation | None) -> _Scored:
    """A custom problem: the metrics as the container gave them; one that an older champion lacks is left out."""
    mine: dict[str, float] = {}
    for name in spec.evaluation.metrics:
        if name not in candidate.metrics:
            given = ", ".join(candidate.metrics) or "none"
            raise UserError(
                f"metric {name} is missing from the candidate's evaluation.json (given: {given})",
                fix=f"return metrics={{{name!r}: …}} from evaluate() in model.py, or take it out of model.yaml",
            )
        mine[name] = _finite(name, candidate.metrics[name])
    theirs = {} if champion is None else {name: champion.metrics[name] for name in mine if name in champion.metrics}
    return len(candidate.labels), mine, theirs, {}


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise UserError(f"metric {name} of the candidate is {value}", fix="return a finite number from evaluate()")
    return value


def _from_rows(spec: ModelSpec, candidate: ContainerEvaluation, champion: ContainerEvaluation | None) -> _Scored:
    """A known problem: the platform computes the metrics from labels, predictions and scores."""
    from modelway.evaluation.metrics import point_value
    from modelway.evaluation.rows import read_rows

    problem = spec.problem_type
    rows = read_rows(problem, candidate, "candidate", spec.primary_metric)
    mine = {name: point_value(problem, name, rows, "candidate") for name in spec.evaluation.metrics}
    if champion is None:
        return rows.count, mine, {}, {}
    return _beside_champion(spec, rows, mine, champion)


def _beside_champion(spec: ModelSpec, rows: Rows, mine: dict[str, float], champion: ContainerEvaluation) -> _Scored:
    from modelway.evaluation.intervals import difference_intervals
    from modelway.evaluation.metrics import point_value, why_missing
    from modelway.evaluation.rows import read_rows, same_truth

    champion_rows = read_rows(spec.problem_type, champion, "champion", spec.primary_metric)
    if not same_truth(rows, champion_rows):
        raise UserError(
            f"{spec.primary_metric} cannot be compared: candidate ({rows.count} rows) and champion "
            f"({champion_rows.count} rows) do not give the same labels in the same order",
            fix="evaluate() must read every row of the holdout, unshuffled, and keep how labels are written",
        )
    comparable = [name for name in mine if not why_missing(name, champion_rows)]
    theirs = {name: point_value(spec.problem_type, name, champion_rows, "champion") for name in comparable}
    return rows.count, mine, theirs, difference_intervals(comparable, rows, champion_rows)
