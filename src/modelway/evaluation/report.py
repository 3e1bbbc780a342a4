"""The evaluation report: one HTML file, nothing fetched, readable in light and dark."""

from __future__ import annotations

import html

from modelway.contracts import (
    ContainerEvaluation,
    Decision,
    Direction,
    EvaluationReport,
    MetricResult,
    ModelSpec,
    ProblemType,
    Verdict,
)
from modelway.evaluation.decision import standing
from modelway.inert import visible

_HEADLINES = {
    Verdict.FIRST: "First version: meets every threshold",
    Verdict.BETTER: "Better than the champion",
    Verdict.WORSE: "Worse than the champion",
    Verdict.NO_DIFFERENCE: "No difference from the champion",
    Verdict.BELOW_THRESHOLD: "Below a threshold",
    Verdict.INCONCLUSIVE: "Inconclusive beside the champion",
    Verdict.NOT_COMPARABLE: "The champion cannot be compared",
}

# The page fetches nothing, runs nothing and sends nothing, whatever a name in it says.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #d9dee5; --paper: #fff;
  --good: #15803d; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4; --line: #343c48; --paper: #14181f;
  --good: #4ade80; --bad: #f87171; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; } p { margin: .25rem 0; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
.verdict { margin: 1.25rem 0; padding: .75rem 1rem; border-left: 4px solid currentColor; font-weight: 600; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; } th { color: var(--soft);
  font-weight: 500; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } .plots svg { max-width: 100%; height: auto; }
"""


def render_html(
    spec: ModelSpec,
    report: EvaluationReport,
    decision: Decision,
    candidate: ContainerEvaluation,
    champion: ContainerEvaluation | None,
) -> str:
    """The whole page. Raises UserError, as `compare` does, if the rows cannot be read."""
    tone = "soft" if decision.for_a_person else "good" if decision.accepted else "bad"
    outcome = "a person decides" if decision.for_a_person else "accepted" if decision.accepted else "refused"
    champion_line = f"Champion {report.champion_version}" if report.champion_version else "No champion yet"
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in decision.reasons)
    title = escape(f"{report.model_name} {report.model_version}")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of {title}</title><style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p>{escape(spec.description)}</p>
<p class="soft">{escape(spec.problem_type.replace("_", " "))} · {report.rows} holdout rows · {escape(champion_line)}</p>
<div class="verdict {tone}">{_HEADLINES[decision.verdict]}: {outcome}</div>
<ul>{reasons}</ul>
<h2>Metrics</h2>
{_table(report, spec.primary_metric)}
{_plots(spec, candidate, None if report.not_comparable else champion)}
</body></html>
"""


def escape(text: str) -> str:
    """For an element's text or a quoted attribute."""
    return html.escape(visible(text))


def _table(report: EvaluationReport, primary: str) -> str:
    heads = "".join(
        f"<th>{head}</th>"
        for head in ("metric", "candidate", "champion", "difference", "95% interval", "margin", "threshold", "standing")
    )
    rows = "".join(_row(metric, primary) for metric in report.metrics)
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(metric: MetricResult, primary: str) -> str:
    arrow = "↑" if metric.direction is Direction.HIGHER else "↓"
    name = f"{escape(metric.name)} <span class='soft' title='{metric.direction.replace('_', ' ')}'>{arrow}"
    name += f" {'primary, ' if metric.name == primary else ''}{metric.role.value}</span>"
    how, tone = _standing(metric)
    interval = f"{metric.interval.low:+.4g} to {metric.interval.high:+.4g}" if metric.interval else "-"
    cells = [
        name,
        f"{metric.candidate:.4g}",
        _number(metric.champion),
        _number(metric.difference, "+"),
        interval,
        f"{metric.margin:.4g}",
        _number(metric.threshold),
        f'<span class="{tone}">{how}</span>',
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _standing(metric: MetricResult) -> tuple[str, str]:
    if not metric.meets_threshold:
        return "misses its threshold", "bad"
    how = standing(metric)
    tones = {"better": "good", "holds": "good", "worse": "bad"}
    if how == "not compared":
        return ("meets its threshold", "good") if metric.threshold is not None else ("-", "soft")
    return how, tones.get(how, "soft")


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4g}"


def _plots(spec: ModelSpec, candidate: ContainerEvaluation, champion: ContainerEvaluation | None) -> str:
    """Confusion matrices and ROC, or residuals; nothing for a custom problem."""
    if spec.problem_type is ProblemType.CUSTOM:
        return ""
    from modelway.evaluation import plots
    from modelway.evaluation.rows import read_rows

    subjects = [("candidate", plots.CANDIDATE_COLOUR, candidate)]
    if champion is not None:
        subjects.append(("champion", plots.CHAMPION_COLOUR, champion))
    curves = [(subject, colour, read_rows(spec, evaluation, subject)) for subject, colour, evaluation in subjects]
    if spec.problem_type is ProblemType.REGRESSION:
        drawn = [plots.residuals(rows, subject) for subject, _colour, rows in curves]
    else:
        drawn = [plots.confusion_matrix(rows, subject) for subject, _colour, rows in curves]
        drawn.append(plots.roc_curves(curves))
    return '<h2>Plots</h2><div class="plots">' + "".join(drawn) + "</div>"
