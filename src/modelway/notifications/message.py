"""What people are told, and how each channel spells it."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Any, Literal

from pydantic import Field

from modelway.contracts import Decision, DeploymentRecord, TrainingRecord, TrainingRequest
from modelway.contracts.base import Document
from modelway.inert import slack, visible, web_address

SUBJECT_LIMIT = 100
# Bytes; SNS counts the subject too: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SNS_LIMIT = 262_144 - SUBJECT_LIMIT
# Bytes of a message's body, which leave room for what stands after it.
BODY_LIMIT = 200_000
# Characters of Slack's header and section, and of an address in a section.
HEADER_LIMIT = 150
SECTION_LIMIT = 2900
LINK_LIMIT = 1024


class Message(Document):
    """One announcement, the same on every channel."""

    kind: Literal["trained", "deployed", "failed"]
    title: str = Field(description="One line.")
    facts: dict[str, str] = Field(default_factory=dict, description="Label to value, in order.")
    body: str = ""
    links: dict[str, str] = Field(default_factory=dict, description="Label to URL.")
    next_command: str = ""


def sns_subject(message: Message) -> str:
    """1 to 100 printable ASCII characters that begin with no space: SNS's rule for Subject.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    plain = visible(message.title).encode("ascii", "replace").decode()
    return " ".join(plain.split())[: SUBJECT_LIMIT - 1].strip() or message.kind


def sns_text(message: Message) -> str:
    """Plain text of the whole message; the body is indented, so that none of its lines passes for one of ours.

    Cut to what SNS takes, 256 KiB.
    """
    lines = [visible(message.title), ""]
    lines += [f"{visible(label)}: {visible(value)}" for label, value in message.facts.items()]
    body = visible(message.body, lines=True).encode()[:BODY_LIMIT].decode(errors="ignore")
    lines += ["", *(f"    {line}" for line in body.splitlines())] if body else []
    lines += [f"{visible(label)}: {visible(url)}" for label, url in message.links.items()]
    lines += ["", f"Next: {visible(message.next_command)}"] if message.next_command else []
    return "\n".join(lines).encode()[:SNS_LIMIT].decode(errors="ignore")


def slack_payload(message: Message, link_hosts: Collection[str]) -> dict[str, Any]:
    """What Slack's webhook takes: blocks, and the text that it shows where it shows no blocks."""
    return {
        "text": slack(message.title)[:SECTION_LIMIT] or message.kind,
        "blocks": slack_blocks(message, link_hosts),
        "mrkdwn": False,
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def slack_blocks(message: Message, link_hosts: Collection[str]) -> list[dict[str, Any]]:
    """Block Kit blocks: header, facts, body, links and the next command.

    All but links is `plain_text`, in which Slack reads nothing. A link leads to one of `link_hosts`; the address of
    another is text.
    """
    links = {label: web_address(url, link_hosts) for label, url in message.links.items()}
    facts = message.facts | {label: message.links[label] for label, url in links.items() if not url}
    clickable = "  ".join(
        f"<{slack(url)}|{slack(label).replace('|', '¦')}>"
        for label, url in links.items()
        if url and len(url) <= LINK_LIMIT
    )
    texts = (
        "\n".join(f"{visible(label)}: {visible(value)}" for label, value in facts.items()),
        visible(message.body, lines=True).strip(),
        f"Next: {visible(message.next_command)}" if message.next_command else "",
    )
    blocks = [_plain("header", visible(message.title).strip()[:HEADER_LIMIT] or message.kind)]
    blocks += [_plain("section", _cut(text)) for text in texts if text]
    if clickable:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": clickable, "verbatim": True}})
    return blocks


def _plain(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": {"type": "plain_text", "text": text, "emoji": False}}


def _cut(text: str) -> str:
    return text if len(text) <= SECTION_LIMIT else f"{text[:SECTION_LIMIT]}…"


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
        next_command=shlex.join(["modelway", "deploy", record.model_name, "--version", record.model_version])
        if decision.accepted
        else "",
    )


def deployed(record: DeploymentRecord, run_url: str) -> Message:
    """The outcome of `deploy`."""
    return Message(
        kind="deployed",
        title=f"{record.model_name} {record.model_version} is live"
        + (" again: rolled back" if record.reason == "rollback" else f": endpoint {record.action}"),
        facts={
            "endpoint": record.endpoint_name,
            "arn": record.endpoint_arn,
            "config": record.endpoint_config_name,
            "previous config": record.previous_endpoint_config_name or "none",
            "image digest": record.image_digest,
            "asked by": record.requested_by or "unknown",
            "approved by": record.approved_by or "unknown",
        },
        links={"run": run_url} if run_url else {},
        next_command=shlex.join(["modelway", "invoke", record.model_name, "--file", "request.json"]),
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
