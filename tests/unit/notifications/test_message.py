"""One message, spelled within each channel's limits."""

from __future__ import annotations

import pytest

from modelway.contracts import FOR_A_PERSON, Decision, DeploymentRecord, EvaluationReport, TrainingRecord, Verdict
from modelway.contracts.results import MetricResult
from modelway.notifications import message as messages
from modelway.notifications.message import Message, slack_blocks, sns_subject, sns_text
from tests.unit.deployment.fake_sagemaker import DIGEST, REQUEST
from tests.unit.sagemaker.test_registry import TRAINING


@pytest.mark.parametrize(
    "title", ["x" * 500, "Vorhersage für Öl → läuft", "two\nlines\tand a bell\a", "", "emoji 🎉" * 30]
)
def test_a_subject_is_what_sns_takes(title: str) -> None:
    subject = sns_subject(Message(kind="failed", title=title))
    assert 0 < len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()


def test_text_tells_everything() -> None:
    message = Message(
        kind="deployed", title="t", facts={"a": "1"}, body="why", links={"run": "http://r"}, next_command="do it"
    )
    text = sns_text(message)
    assert text.splitlines()[0] == "t"
    for part in ("a: 1", "why", "run: http://r", "Next: do it"):
        assert part in text


def test_a_message_is_cut_to_what_sns_takes() -> None:
    """shared case: 300,000 characters in a reason."""
    for sign in ("x", "é", "🎉"):
        text = sns_text(Message(kind="failed", title="t", body=sign * 300_000, next_command="do it"))
        assert 200_000 < len(text.encode()) <= 262_000
        assert text.endswith("\nNext: do it")


def test_a_body_cannot_pass_for_the_platforms_own_lines() -> None:
    text = sns_text(
        Message(kind="failed", title="t", body="why\nNext: rm -rf ~\r\nrun: http://evil.test", next_command="n")
    )
    assert [line for line in text.splitlines() if line.startswith(("Next:", "run:"))] == ["Next: n"]


def test_blocks_keep_slack_limits() -> None:
    facts = {f"fact {number}": "&<>" * 40 for number in range(60)}
    links = {"run": "http://x/" + "a" * 9000}
    message = Message(
        kind="failed", title="t" * 400, facts=facts, body="&" * 9000, links=links, next_command="c" * 4000
    )
    blocks = slack_blocks(message, {"x"})
    assert len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    for block in blocks[1:]:
        assert 0 < len(block["text"]["text"]) <= 3000


def test_what_others_wrote_is_plain_text_and_links_are_slacks() -> None:
    message = Message(
        kind="failed",
        title="<t>",
        facts={"a<b": "<!channel>"},
        body="1 < 2 & 3 > 2",
        links={"r": "http://x/1?a=1&b=2", "pipeline": "https://evil.test/|<!channel>"},
    )
    header, facts, body, links = slack_blocks(message, {"x"})
    assert header["text"] == {"type": "plain_text", "text": "<t>", "emoji": False}
    assert facts["text"]["type"] == body["text"]["type"] == "plain_text"
    assert facts["text"]["text"] == "a<b: <!channel>\npipeline: https://evil.test/|<!channel>"
    assert body["text"]["text"] == "1 < 2 & 3 > 2"
    assert links["text"] == {"type": "mrkdwn", "text": "<http://x/1?a=1&amp;b=2|r>", "verbatim": True}


def test_no_empty_blocks() -> None:
    assert len(slack_blocks(Message(kind="failed", title="t"), ())) == 1


def record(accepted: bool, champion: float | None) -> TrainingRecord:
    metric = MetricResult(
        name="rmse", direction="lower_is_better", candidate=0.25, champion=champion, meets_threshold=True
    )
    return TrainingRecord(
        model_name="fraud-detector",
        model_version="1.0.0+r0",
        image_digest=DIGEST,
        training_job_name="job-1",
        model_data_s3_uri="s3://a/m",
        evaluation=EvaluationReport(model_name="fraud-detector", model_version="1.0.0+r0", rows=1, metrics=(metric,)),
        decision=Decision(verdict=Verdict.BETTER if accepted else Verdict.WORSE, accepted=accepted, reasons=("so",)),
    )


def test_trained_offers_the_deployment_only_of_what_was_accepted() -> None:
    good = messages.trained(TRAINING, record(True, 0.5), "http://run")
    assert good.title == "fraud-detector 1.0.0+r0 trained: better"
    assert good.facts["rmse"] == "0.2500 (champion 0.5000)"
    assert good.links == {"run": "http://run"}
    assert good.next_command == "modelway deploy fraud-detector --version 1.0.0+r0"
    bad = messages.trained(TRAINING, record(False, None), "")
    assert (bad.facts["rmse"], bad.facts["accepted"], bad.next_command, bad.links) == ("0.2500", "no", "", {})


@pytest.mark.parametrize("verdict", sorted(FOR_A_PERSON))
def test_what_a_person_decides_is_told_with_the_command_that_takes_it(verdict: Verdict) -> None:
    decision = Decision(verdict=verdict, accepted=True, reasons=("so",))
    message = messages.trained(TRAINING, record(True, 0.5).model_copy(update={"decision": decision}), "")
    assert message.facts["accepted"] == "a person decides"
    assert message.next_command == "modelway deploy fraud-detector --version 1.0.0+r0"


def test_deployed_and_failed_name_what_they_are_about() -> None:
    deployment = DeploymentRecord(
        model_name=REQUEST.model.name,
        model_version="1.0.0+r0",
        image_digest=DIGEST,
        endpoint_name="e",
        endpoint_arn="arn",
        endpoint_config_name="c",
        action="created",
        verified=True,
    )
    live = messages.deployed(deployment, "")
    assert live.title == "fraud-detector 1.0.0+r0 is live: endpoint created"
    assert live.facts["previous config"] == "none"
    failed = messages.failed(
        "deploy", "mw-1", {"model": "fraud-detector"}, "it raised", "http://run", "modelway logs j"
    )
    assert (failed.title, failed.body) == ("deploy failed: fraud-detector", "it raised")
    assert messages.failed("deploy", "mw-1", {}, "", "", "").title == "deploy failed: mw-1"
