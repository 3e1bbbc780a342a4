"""From metrics to a decision. Pure: the same report always gives the same decision.

1. A metric beyond its threshold: BELOW_THRESHOLD, refused.
2. No champion: FIRST, accepted.
3. The champion could not be scored on these rows: NOT_COMPARABLE, for a person to take.
4. Any metric worse than the champion's: WORSE, refused.
5. A guard that does not hold: INCONCLUSIVE, for a person to take. Where no success metric is better, each of them has
   to hold as a guard does.
6. A success metric better: BETTER, accepted.
7. Else NO_DIFFERENCE, accepted: nothing is lost, so a model trained on newer data is worth registering.

This is the rule of Schultzberg, Ankargren and Frånberg (2024, arXiv:2402.11609): ship when a success metric is better,
every guard is not inferior, and nothing is worse. Rule 7 is ours.

"Better" and "worse": the interval of the difference leaves zero out, and the difference is at least `min_change`.
"Holds": the worst end of the interval is above minus the margin. Custom problems have no rows to resample; there the
difference stands for its interval.
"""

from __future__ import annotations

from typing import Literal

from modelway.contracts import Decision, Direction, EvaluationReport, MetricResult, MetricRole, Verdict

Standing = Literal["better", "worse", "holds", "uncertain", "not compared"]


def decide(report: EvaluationReport) -> Decision:
    """The verdict on a report and its reasons as sentences, the decisive one first."""
    below = [_threshold_sentence(metric) for metric in report.metrics if not metric.meets_threshold]
    if below:
        return Decision(verdict=Verdict.BELOW_THRESHOLD, accepted=False, reasons=tuple(below))
    if report.champion_version is None:
        return Decision(
            verdict=Verdict.FIRST, accepted=True, reasons=("there is no champion to beat", *_thresholds(report))
        )
    if report.not_comparable:
        reason = f"the champion {report.champion_version} cannot be compared: {report.not_comparable}"
        reasons = (reason, *_thresholds(report), _how_a_person_accepts(report))
        return Decision(verdict=Verdict.NOT_COMPARABLE, accepted=True, reasons=reasons)
    return _against_champion(report)


def _against_champion(report: EvaluationReport) -> Decision:
    standings = {metric.name: standing(metric) for metric in report.metrics}
    successes = {metric.name for metric in report.metrics if metric.role is MetricRole.SUCCESS}
    worse = [name for name, how in standings.items() if how == "worse"]
    better = any(standings[name] == "better" for name in successes)
    unproven = [
        name
        for name, how in standings.items()
        if how in ("uncertain", "not compared") and not (better and name in successes)
    ]
    sentences = {metric.name: _difference_sentence(metric, standings[metric.name]) for metric in report.metrics}
    decisive = worse or unproven
    reasons = [sentences[name] for name in [*decisive, *(name for name in sentences if name not in decisive)]]
    if worse:
        return Decision(verdict=Verdict.WORSE, accepted=False, reasons=tuple(reasons))
    if unproven:
        reasons.append(_how_a_person_accepts(report))
        return Decision(verdict=Verdict.INCONCLUSIVE, accepted=True, reasons=tuple(reasons))
    verdict = Verdict.BETTER if better else Verdict.NO_DIFFERENCE
    return Decision(verdict=verdict, accepted=True, reasons=tuple(reasons))


def standing(metric: MetricResult) -> Standing:
    """How the candidate stands beside the champion on one metric."""
    if metric.champion is None or metric.difference is None or metric.not_compared:
        return "not compared"
    sign = 1.0 if metric.direction is Direction.HIGHER else -1.0
    gain = sign * metric.difference
    ends = (gain, gain)
    if metric.interval:
        ends = (sign * metric.interval.low, sign * metric.interval.high)
    worst, best = min(ends), max(ends)
    if abs(gain) >= metric.min_change and (worst > 0 or best < 0):
        return "better" if worst > 0 else "worse"
    # A worst end of no loss at all holds whatever the margin; two equal models have that.
    return "holds" if worst > -metric.margin or worst >= 0 else "uncertain"


def _how_a_person_accepts(report: EvaluationReport) -> str:
    command = f"modelway deploy {report.model_name} --version {report.model_version}"
    return (
        f"a person decides: press deploy in the pipeline, or run {command}, to take it; leave it, to keep what is live"
    )


def _thresholds(report: EvaluationReport) -> list[str]:
    return [_threshold_sentence(metric) for metric in report.metrics if metric.threshold is not None]


def _threshold_sentence(metric: MetricResult) -> str:
    worst = "least" if metric.direction is Direction.HIGHER else "most"
    outcome = "meets" if metric.meets_threshold else "misses"
    return f"{metric.name} {metric.candidate:.4g} {outcome} its threshold (at {worst} {metric.threshold:.4g})"


def _difference_sentence(metric: MetricResult, how: Standing) -> str:
    if metric.champion is None or metric.difference is None or metric.not_compared:
        return f"{metric.name} {metric.candidate:.4g} is not compared: {metric.not_compared}"
    words = {
        "better": f"is better than the champion's {metric.champion:.4g}",
        "worse": f"is worse than the champion's {metric.champion:.4g}",
        "holds": f"loses no more than {metric.margin:.4g} to the champion's {metric.champion:.4g}",
        "uncertain": f"may lose more than {metric.margin:.4g} to the champion's {metric.champion:.4g}",
    }[how]
    details = [f"difference {metric.difference:+.4g}"]
    if metric.interval:
        low, high = metric.interval.low, metric.interval.high
        details.append(f"{metric.interval.confidence:.0%} interval {low:+.4g} to {high:+.4g}")
        if metric.interval.undefined:
            details.append(f"does not exist on {metric.interval.undefined:.1%} of the resamples")
    if metric.min_change:
        details.append(f"least change that matters {metric.min_change:.4g}")
    return f"{metric.name} {metric.candidate:.4g} {words} ({', '.join(details)})"
