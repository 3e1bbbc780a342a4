"""The merge request's note: what the candidate is worth, in one place, updated in place."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote

import gitlab

from modelway.contracts import Document, MetricResult, ModelSpec, TrainingRecord, Verdict
from modelway.costs import CostEstimate, estimate
from modelway.gitlab.client import explained
from modelway.inert import markdown, web_address

VERDICTS = {
    Verdict.FIRST: "first version of this model",
    Verdict.BETTER: "better than the champion",
    Verdict.WORSE: "worse than the champion",
    Verdict.NO_DIFFERENCE: "no difference from the champion",
    Verdict.BELOW_THRESHOLD: "below a threshold",
    Verdict.INCONCLUSIVE: "inconclusive, a person decides",
    Verdict.NOT_COMPARABLE: "the champion cannot be compared, a person decides",
}

DEPLOY_LATER = "The deploy job comes with the default branch's pipeline, after the merge."


class Links(Document):
    """Addresses for people; an empty one is left out, but for the deploy job, of which is then said when there is one.

    `plot` is Markdown of an uploaded image.
    """

    dag_run: str = ""
    deploy_job: str = ""
    pipeline: str = ""
    report: str = ""
    plot: str = ""


def _number(value: float | None, form: str = ".4g") -> str:
    return "-" if value is None else format(value, form)


def _row(metric: MetricResult) -> str:
    interval = metric.interval
    between = f"{interval.low:+.3g} … {interval.high:+.3g} ({interval.confidence:.0%})" if interval else "-"
    threshold = "-" if metric.threshold is None else f"{metric.threshold:g} {'✓' if metric.meets_threshold else '✗'}"
    cells = (
        f"{markdown(metric.name)} {'↑' if metric.direction.value == 'higher_is_better' else '↓'}",
        _number(metric.candidate),
        _number(metric.champion),
        _number(metric.difference, "+.3g"),
        between,
        threshold,
    )
    return "| " + " | ".join(cells) + " |"


def _costs(costs: CostEstimate) -> str:
    training, endpoint = costs.training_at_most, costs.endpoint_a_month
    train = "no price known" if training is None else f"at most {training:.2f} USD"
    serve = "no price known" if endpoint is None else f"{endpoint:.0f} USD a month"
    return f"Estimate, prices of {costs.prices_as_of} (us-east-1): training {train}, endpoint {serve}."


def _basis(record: TrainingRecord) -> str:
    champion = record.evaluation.champion_version
    return f"Champion: {markdown(champion) if champion else 'none'}; {record.evaluation.rows} holdout rows."


def _outcome(record: TrainingRecord) -> str:
    if record.decision.for_a_person:
        return "Waits for a person"
    return "Accepted" if record.decision.accepted else "Not accepted"


def render(record: TrainingRecord, spec: ModelSpec, links: Links, hosts: Collection[str] = ()) -> str:
    """The note's Markdown, without the marker.

    What leads neither to one of `hosts` nor to where GitLab itself said is not a link but text.
    """
    evaluation, decision = record.evaluation, record.decision
    named = (
        _link("DAG run", links.dag_run, hosts),
        _link("full report", links.report, hosts),
        _link("deploy job", links.deploy_job, None),
        _link("pipeline", links.pipeline, hosts),
    )
    lines = [
        f"### {markdown(record.model_name)} {markdown(record.model_version)}: {VERDICTS[decision.verdict]}",
        "",
        f"**{_outcome(record)}.** {_basis(record)}",
        *(f"- {markdown(reason)}" for reason in decision.reasons),
        "",
        "| Metric | Candidate | Champion | Difference | Interval | Threshold |",
        "| --- | ---: | ---: | ---: | :---: | :---: |",
        *map(_row, evaluation.metrics),
        "",
        *([links.plot, ""] if links.plot else []),
        _costs(estimate(spec)),
        "",
        f"Image {markdown(record.image_digest[:19])}, training job {markdown(record.training_job_name)}.",
        " · ".join(link for link in named if link),
        *(
            []
            if links.deploy_job
            else ["", "The deploy job comes with the default branch's pipeline, after the merge."]
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _link(label: str, address: str, hosts: Collection[str] | None) -> str:
    if not address:
        return ""
    target = web_address(address, hosts)
    return f"[{label}]({target})" if target else f"{label}: {markdown(address)}"


def put_note(client: gitlab.Gitlab, project_id: int, merge_request: int, model: str, body: str) -> int:
    """Write the model's one note of this merge request, or update it. Returns its id.

    Another person's note that begins with our marker stays as it is: what it says would be theirs to change again.
    """
    marker = f"<!-- modelway:{quote(model, safe='')} -->"
    text = f"{marker}\n{body}"
    with explained(f"write the note of merge request {merge_request}"):
        client.auth()  # asks who we are
        ours = client.user.id if client.user else None
        found = client.projects.get(project_id, lazy=True).mergerequests.get(merge_request, lazy=True)
        for note in found.notes.list(iterator=True, order_by="created_at", sort="asc"):
            if note.author["id"] == ours and note.body.startswith(marker):
                note.body = text
                note.save()
                return int(note.id)
        return int(found.notes.create({"body": text}).id)


def upload_plot(client: gitlab.Gitlab, project_id: int, name: str, png: bytes) -> str:
    """Upload an image to the project; returns Markdown that shows it in a note."""
    with explained(f"upload {name}"):
        uploaded = client.projects.get(project_id, lazy=True).upload(name, filedata=png)
    return str(uploaded["markdown"])
