"""What people are told, and how each channel spells it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from modelway.contracts import Decision, DeploymentRecord, TrainingRecord, TrainingRequest
from modelway.contracts.base import Document

SUBJECT_LIMIT = 100
SECTION_LIMIT = 2900


class Message(Document):
    """One announcement, the same on every channel."""

    kind: Literal["trained", "deployed", "failed"]
    title: str = Field(description="One line.")
    facts: dict[str, str] = Field(default_factory=dict, description="Label to value, in order.")
    body: str = ""
    links: dict[str, str] = Field(default_factory=dict, description="Label to URL.")
    next_command: str = ""


def sns_subject(message: Message) -> str:
    """1 to 100 printable ASCII characters."""
    plain = message.title.encode("ascii", "replace").decode()
    return "".join(c if c.isprintable() else " " for c in plain)[:SUBJECT_LIMIT].strip() or message.kind


def sns_text(message: Message) -> str:
    """Plain text of the whole message."""
    lines = [message.title, ""]
    lines += [f"{label}: {value}" for label, value in message.facts.items()]
    lines += ["", message.body] if message.body else []
    lines += [f"{label}: {url}" for label, url in message.links.items()]
    lines += ["", f"Next: {message.next_command}"] if message.next_command else []
    return "\n".join(lines)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str) -> str:
    """At most SECTION_LIMIT characters, with no half of an entity such as `&amp;` at the end."""
    if len(text) <= SECTION_LIMIT:
        return text
    kept = text[:SECTION_LIMIT]
    start = kept.rfind("&", SECTION_LIMIT - 5)
    return f"{kept if start < 0 or ';' in kept[start:] else kept[:start]}…"


def slack_blocks(message: Message) -> list[dict[str, Any]]:
    """Block Kit blocks: header, facts, body, links and the next command."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.title[:150] or message.kind}},
    ]
    facts = "\n".join(f"*{_escape(label)}*: {_escape(value)}" for label, value in message.facts.items())
    links = "  ".join(f"<{url}|{_escape(label)}>" for label, url in message.links.items())
    command = f"Next: `{_escape(message.next_command)}`" if message.next_command else ""
    blocks += [
        {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text)}}
        for text in (facts, _escape(message.body), links, command)
        if text
    ]
    return blocks


def trained(request: TrainingRequest, record: TrainingRecord, run_url: str) -> Message:
    """The outcome of `train_evaluate`."""
    decision: Decision = record.decision
    metrics = {
        m.name: f"{m.candidate:.4f}" + (f" (champion {m.champion:.4f})" if m.champion is not None else "")
        for m in record.evaluation.metrics
    }
    return Message(
        kind="trained",
        title=f"{record.model_name} {record.model_version} trained: {decision.verdict.value}",
        facts={
            "accepted": "a person decides" if decision.for_a_person else "yes" if decision.accepted else "no",
            **metrics,
            "commit": request.provenance.commit_sha[:12],
            "training job": record.training_job_name,
            "model package": record.model_package_arn or "none",
        },
        body="\n".join(decision.reasons),
        links={k: v for k, v in {"run": run_url, "pipeline": request.provenance.pipeline_url}.items() if v},
        next_command=f"modelway deploy {record.model_name} --version {record.model_version}"
        if decision.accepted
        else "",
    )


def deployed(record: DeploymentRecord, run_url: str) -> Message:
    """The outcome of `deploy`."""
    return Message(
        kind="deployed",
        title=f"{record.model_name} {record.model_version} is live: endpoint {record.action}",
        facts={
            "endpoint": record.endpoint_name,
            "arn": record.endpoint_arn,
            "config": record.endpoint_config_name,
            "previous config": record.previous_endpoint_config_name or "none",
            "image digest": record.image_digest,
        },
        links={"run": run_url} if run_url else {},
        next_command=f"modelway invoke {record.model_name} --file request.json",
    )


def failed(dag_id: str, run_id: str, facts: dict[str, str], reason: str, run_url: str, command: str) -> Message:
    """A run that did not reach its end, with the reason that SageMaker or the task gave."""
    subject = facts.get("model", run_id)
    return Message(
        kind="failed",
        title=f"{dag_id} failed: {subject}",
        facts={"run": run_id, **facts},
        body=reason,
        links={"run": run_url} if run_url else {},
        next_command=command,
    )
