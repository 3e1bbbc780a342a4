"""Whatever a model or a commit writes into any field, nothing in Slack, a mail, a note or the report acts on it."""

from __future__ import annotations

import html.parser
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from modelway.contracts import (
    Decision,
    DeploymentRecord,
    EvaluationReport,
    ModelSpec,
    ProblemType,
    TrainingRecord,
    TrainingRequest,
)
from modelway.evaluation.report import render_html
from modelway.gitlab.notes import Links, render
from modelway.inert import hosts_of, markdown, slack, visible, web_address
from modelway.notifications import message as messages
from modelway.notifications.message import Message, slack_payload, sns_subject, sns_text
from tests.unit.hostile import SNIPPETS, TEXT, documents

HOSTS = {"airflow.example", "gitlab.example:8443"}
OFTEN = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
URLS = st.one_of(TEXT, TEXT.map(lambda text: f"https://airflow.example/{text}"), TEXT.map(lambda text: f"https:{text}"))
MESSAGES = st.one_of(
    documents(Message),
    st.builds(messages.trained, documents(TrainingRequest), documents(TrainingRecord), URLS),
    st.builds(messages.deployed, documents(DeploymentRecord), URLS),
    st.builds(messages.failed, TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=3), TEXT, URLS, TEXT),
)


def objects(document: Any) -> list[dict[str, Any]]:
    """Every JSON object in a document."""
    if isinstance(document, list):
        return [one for item in document for one in objects(item)]
    if isinstance(document, dict):
        return [document, *(one for item in document.values() for one in objects(item))]
    return []


def assert_seen(text: str) -> None:
    assert visible(text, lines=True) == text


def assert_only_our_links(mrkdwn: str) -> None:
    """Slack's mrkdwn: each `<…>` is a link to one of HOSTS, and nothing else is left of its signs."""
    for address in re.findall(r"<([^|>]*)\|[^|>]*>", mrkdwn):
        assert web_address(address.replace("&amp;", "&"), HOSTS)
    rest = re.sub(r"<https?://[^|<>]*\|[^|<>]*>", "", mrkdwn)
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", rest)


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="<!channel>, <@user>, links and hidden signs in any text or address that Slack shows",
    stopped_by="texts are plain_text; a link leads to Airflow's or GitLab's host or is text",
)
@OFTEN
@given(MESSAGES)
def test_nothing_acts_in_slack(message: Message) -> None:
    payload = json.loads(json.dumps(slack_payload(message, HOSTS)))
    assert set(payload) == {"text", "blocks", "mrkdwn", "link_names", "unfurl_links", "unfurl_media"}
    assert {value for value in payload.values() if isinstance(value, bool)} == {False}
    assert_only_our_links(payload["text"])
    for block in payload["blocks"]:
        assert set(block) == {"type", "text"}
        assert block["type"] in {"header", "section"}
    for text in (one for one in objects(payload["blocks"]) if one["type"] in {"plain_text", "mrkdwn"}):
        assert_seen(text["text"])
        assert text["text"]
        if text["type"] == "mrkdwn":
            assert text["verbatim"]
            assert_only_our_links(text["text"])


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="line breaks and control signs in the subject of a mail, lines in its text that look like the platform's",
    stopped_by="the subject is one line of ASCII; others' lines are indented",
)
@OFTEN
@given(MESSAGES)
def test_nothing_acts_in_a_mail(message: Message) -> None:
    subject = sns_subject(message)
    assert re.fullmatch(r"[!-~][ -~]{0,98}", subject)
    text = sns_text(message)
    assert_seen(text)
    labels = ("", *map(visible, message.facts), *map(visible, message.links), "Next")
    for line in text.split("\n")[1:]:
        assert line == "" or line.startswith(("    ", *(f"{label}: " for label in labels)))


# GitLab's own signs in rendered text (https://docs.gitlab.com/user/markdown/#gitlab-specific-references), and links.
GITLAB_READS = re.compile(r"[@#~^$`|\\]|[!&%]\d|%\{|\[\[|:\w+:|://|www\.|\b[0-9a-f]{7,40}\b|\b[A-Z]+-\d+")
ALLOWED = {
    *(
        "heading_open",
        "heading_close",
        "paragraph_open",
        "paragraph_close",
        "inline",
        "text",
        "strong_open",
        "strong_close",
    ),
    *(
        "bullet_list_open",
        "bullet_list_close",
        "list_item_open",
        "list_item_close",
        "code_inline",
        "link_open",
        "link_close",
    ),
    *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
    "softbreak",
}


def tokens(text: str) -> list[Any]:
    """All that a Markdown parser (GitHub's flavour, as GitLab's) makes of a text."""
    parsed = MarkdownIt("gfm-like", {"html": True}).parse(text)
    return [token for block in parsed for token in (block, *(block.children or []))]


def assert_inert_markdown(text: str) -> None:
    for token in tokens(text):
        assert token.type in ALLOWED, token
        if token.type == "text":
            assert not GITLAB_READS.search(token.content), token
        if token.type == "link_open":
            assert web_address(token.attrs["href"]), token
    assert not re.search(r"^\s*(/|&#|&sol)", text, re.MULTILINE)
    assert_seen(text)


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="quick actions, mentions, references, pictures, HTML and links in a merge request's note",
    stopped_by="texts of others are code in one line; a link leads to Airflow's or GitLab's host or is code",
)
@OFTEN
@given(documents(TrainingRecord), documents(ModelSpec), st.builds(Links, dag_run=URLS, report=URLS, pipeline=URLS))
def test_nothing_acts_in_a_note(record: TrainingRecord, spec: ModelSpec, links: Links) -> None:
    note = render(record, spec, links, HOSTS)
    assert_inert_markdown(note)
    for token in tokens(note):
        if token.type == "link_open":
            assert web_address(token.attrs["href"], HOSTS)
    assert [token.type for token in tokens(note)].count("tr_open") == 1 + len(record.evaluation.metrics)


@given(TEXT)
def test_any_text_is_one_word_or_one_piece_of_code(text: str) -> None:
    for before, after in (("", ""), ("### ", ": x"), ("- ", ""), ("x ", ".")):
        assert_inert_markdown(f"{before}{markdown(text)}{after}")


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_each_snippet_is_inert(snippet: str) -> None:
    assert_inert_markdown(markdown(snippet))
    assert_only_our_links(slack(snippet))


@pytest.mark.parametrize("word", ["roc_auc", "1.4.2+r0", "breast-cancer", "sha256", "f1"])
def test_a_plain_word_stays_as_it_is(word: str) -> None:
    assert markdown(word) == word


ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "ul", "li", "span"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


class Page(html.parser.HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.attributes = set[str](), set[tuple[str, str]]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}

    def handle_comment(self, data: str) -> None:
        self.tags.add("a comment")


@pytest.mark.attack(
    attacker="code of a model",
    tries="script, frames, event handlers and links in the evaluation report",
    stopped_by="every text is escaped, and the page's policy lets nothing run, load or be sent",
)
@OFTEN
@given(documents(ModelSpec), documents(EvaluationReport), documents(Decision))
def test_nothing_acts_in_the_report(spec: ModelSpec, report: EvaluationReport, decision: Decision) -> None:
    spec = spec.model_copy(update={"problem_type": ProblemType.CUSTOM})
    page = Page(render_html(spec, report, decision, None, None))  # type: ignore[arg-type]
    assert page.tags <= ELEMENTS
    assert {name for name, _ in page.attributes} <= {
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "title",
    }
    (policy,) = (value for name, value in page.attributes if name == "content" and "src" in value)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://airflow.example/dags/x/runs/mw-1?tab=a#b", True),
        ("HTTPS://airflow.example/", False),
        ("https://AIRFLOW.example/", True),
        ("https://gitlab.example:8443/x", True),
        ("https://gitlab.example/x", False),
        ("http://airflow.example", True),
        ("https://airflow.example.evil.test/", False),
        ("https://airflow.example@evil.test/", False),
        ("https://evil.test\\@airflow.example/", False),
        ("https://airflow.example/|<!channel>", False),
        ("https://airflow.example/) ![x](y", False),
        ("https://airflow.example/\n/close", False),
        ("javascript:alert(1)", False),
        ("//airflow.example/", False),
        ("https:airflow.example", False),
        ("https://[airflow.example/", False),
        ("", False),
    ],
)
def test_a_link_leads_where_it_may(address: str, allowed: bool) -> None:
    assert web_address(address, HOSTS) == (address if allowed else "")


def test_hosts_are_those_of_the_addresses() -> None:
    assert hosts_of("https://Airflow.example/home", "", "http://127.0.0.1:8080") == {
        "airflow.example",
        "127.0.0.1:8080",
    }
