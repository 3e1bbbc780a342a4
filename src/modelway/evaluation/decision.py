"""From metrics to a decision. Pure: the same report always gives the same decision.

1. A metric beyond its threshold: BELOW_THRESHOLD, refused.
2. No champion: FIRST, accepted.
3. Any metric worse than the champion's: WORSE, refused. Every metric of `model.yaml` guards.
4. The primary metric (the first one) better: BETTER, accepted.
5. Else NO_DIFFERENCE, accepted: thresholds are met and nothing is worse, so a model trained on newer data is worth
   registering. Registered is not deployed: that is for whoever approves.

"Better" and "worse" need two things: the 95 % interval of the difference leaves zero out, and the difference is at
least `min_change`. Where there are no rows to resample (custom problems), only the second is asked.
"""

from __future__ import annotations

from typing import Literal

from modelway.contracts import Decision, Direction, EvaluationReport, MetricResult, Verdict

Standing = Literal["better", "worse", "no different", "not compared"]


def decide(report: EvaluationReport) -> Decision:
    """The verdict on a report and its reasons as sentences, the decisive one first."""
    below = [_threshold_sentence(metric) for metric in report.metrics if not metric.meets_threshold]
    if below:
        return Decision(verdict=Verdict.BELOW_THRESHOLD, accepted=False, reasons=tuple(below))
    if report.champion_version is None:
        thresholds = [_threshold_sentence(metric) for metric in report.metrics if metric.threshold is not None]
        return Decision(
            verdict=Verdict.FIRST, accepted=True, reasons=("there is no champion to beat", *(thresholds or []))
        )
    return _against_champion(report)


def _against_champion(report: EvaluationReport) -> Decision:
    standings = {metric.name: standing(metric) for metric in report.metrics}
    sentences = {metric.name: _difference_sentence(metric, standings[metric.name]) for metric in report.metrics}
    worse = [name for name in sentences if standings[name] == "worse"]
    if worse:
        rest = [name for name in sentences if name not in worse]
        return Decision(
            verdict=Verdict.WORSE, accepted=False, reasons=tuple(sentences[name] for name in [*worse, *rest])
        )
    primary = report.metrics[0].name
    verdict = Verdict.BETTER if standings[primary] == "better" else Verdict.NO_DIFFERENCE
    return Decision(verdict=verdict, accepted=True, reasons=tuple(sentences.values()))


def standing(metric: MetricResult) -> Standing:
    """How the candidate stands beside the champion on one metric."""
    if metric.champion is None or metric.difference is None:
        return "not compared"
    sign = 1.0 if metric.direction is Direction.HIGHER else -1.0
    gain = sign * metric.difference
    if gain == 0 or abs(gain) < metric.min_change:
        return "no different"
    if metric.interval and metric.interval.low <= 0.0 <= metric.interval.high:
        return "no different"
    return "better" if gain > 0 else "worse"


def _threshold_sentence(metric: MetricResult) -> str:
    worst = "least" if metric.direction is Direction.HIGHER else "most"
    outcome = "meets" if metric.meets_threshold else "misses"
    return f"{metric.name} {metric.candidate:.4g} {outcome} its threshold (at {worst} {metric.threshold:.4g})"


def _difference_sentence(metric: MetricResult, how: Standing) -> str:
    if metric.champion is None or metric.difference is None:
        return f"{metric.name} {metric.candidate:.4g} is not compared: the champion does not report it"
    words = {"better": "better than", "worse": "worse than", "no different": "not different from"}[how]
    sentence = f"{metric.name} {metric.candidate:.4g} is {words} the champion's {metric.champion:.4g}"
    details = [f"difference {metric.difference:+.4g}"]
    if metric.interval:
        low, high = metric.interval.low, metric.interval.high
        details.append(f"{metric.interval.confidence:.0%} interval {low:+.4g} to {high:+.4g}")
    if metric.min_change:
        details.append(f"least change that matters {metric.min_change:.4g}")
    return f"{sentence} ({', '.join(details)})"
