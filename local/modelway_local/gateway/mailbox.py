"""Where messages end: an SNS subscriber and a Slack webhook that keep what they get as files."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from modelway_local.gateway.errors import ValidationError
from modelway_local.gateway.exchange import Answer, Request, json_answer, read_json, write_json


class Mailbox:
    """/_local/mailbox: `<home>/mailbox/<milliseconds>-<message id>.json` with subject, message and timestamp."""

    def __init__(self, home: Path, confirm: Callable[[str, str], None]) -> None:
        """`confirm` takes a subscription's topic ARN and token."""
        self._folder = home / "mailbox"
        self._confirm = confirm

    def handle(self, request: Request) -> Answer:
        """GET lists the messages, oldest first; POST takes what SNS sends. Raises ValidationError for all else."""
        if request.method == "GET":
            return json_answer([read_json(path) for path in sorted(self._folder.glob("*.json"))])
        document = request.document()
        kind = document.get("Type")
        if kind == "SubscriptionConfirmation":
            self._confirm(str(document.get("TopicArn", "")), str(document.get("Token", "")))
        elif kind == "Notification":
            self._keep(document)
        else:
            raise ValidationError(f"a mailbox takes SNS messages, not Type {kind!r}")
        return 200, {}, b""

    def _keep(self, document: dict[str, str]) -> None:
        identifier = re.sub(r"[^\w-]", "", document.get("MessageId", "")) or "unnamed"
        message = {
            "subject": document.get("Subject"),
            "message": document.get("Message", ""),
            "timestamp": document.get("Timestamp", ""),
        }
        write_json(self._folder / f"{time.time_ns() // 1_000_000}-{identifier}.json", message)


class SlackWebhook:
    """/_local/slack/webhook: answers as Slack's incoming webhooks do, keeps `<home>/slack/<nanoseconds>.json`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "slack"

    def handle(self, request: Request) -> Answer:
        """POST one message; 400 invalid_payload if it is not a JSON object, 400 no_text if it says nothing."""
        try:
            message = json.loads(request.body.read())
        except ValueError:
            return _text(400, "invalid_payload")
        if not isinstance(message, dict):
            return _text(400, "invalid_payload")
        if not any(message.get(part) for part in ("text", "blocks", "attachments")):
            return _text(400, "no_text")
        write_json(self._folder / f"{time.time_ns()}.json", message)
        return _text(200, "ok")


def _text(status: int, said: str) -> Answer:
    return status, {"Content-Type": "text/html"}, said.encode()
