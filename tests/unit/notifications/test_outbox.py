"""A message is told once on each channel, and a channel that is down gets it later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modelway.notifications.message import Message
from modelway.notifications.outbox import MessageRefused, announce


class Mailbox:
    """A channel that can be down."""

    def __init__(self, *, down: bool = False) -> None:
        self.down, self.titles = down, list[str]()

    def send(self, message: Message) -> None:
        if self.down:
            raise OSError("https://hooks.slack.com/services/SECRET refused")
        self.titles.append(message.title)


class Texts:
    """Texts by key, in order of key as S3 lists them."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def put(self, key: str, text: str) -> None:
        self.texts[key] = text

    def get(self, key: str) -> str | None:
        return self.texts.get(key)

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.texts if key.startswith(prefix))

    def delete(self, key: str) -> None:
        self.texts.pop(key, None)

    def put_new(self, key: str, text: str) -> bool:
        if key in self.texts:
            return False
        self.texts[key] = text
        return True


def message(title: str = "m") -> Message:
    return Message(kind="trained", title=title)


def test_a_run_is_announced_once() -> None:
    store, sns, slack = Texts(), Mailbox(), Mailbox()
    channels = {"sns": sns, "slack": slack}
    assert announce(message(), "run-1", channels, store)
    assert announce(message(), "run-1", channels, store)
    assert sns.titles == slack.titles == ["m"]
    assert not store.keys("undelivered/")


def test_success_and_failure_of_one_run_are_two_announcements() -> None:
    store, sns = Texts(), Mailbox()
    announce(message("good"), "run-1", {"sns": sns}, store)
    announce(Message(kind="failed", title="bad"), "run-1", {"sns": sns}, store)
    assert sns.titles == ["good", "bad"]


def test_a_channel_that_is_down_gets_the_message_at_the_next_announcement(caplog: pytest.LogCaptureFixture) -> None:
    store, sns, slack = Texts(), Mailbox(), Mailbox(down=True)
    channels = {"sns": sns, "slack": slack}
    assert not announce(message("first"), "run-1", channels, store)
    assert sns.titles == ["first"]
    assert "SECRET" not in caplog.text
    slack.down = False
    assert announce(message("second"), "run-2", channels, store)
    assert slack.titles == ["first", "second"]
    assert sns.titles == ["first", "second"]
    assert not store.keys("undelivered/")


def test_a_repeat_delivers_what_waits() -> None:
    store, slack = Texts(), Mailbox(down=True)
    announce(message(), "run-1", {"slack": slack}, store)
    slack.down = False
    assert announce(message(), "run-1", {"slack": slack}, store)
    assert slack.titles == ["m"]


def test_the_first_channel_being_down_does_not_silence_the_second() -> None:
    slack = Mailbox()
    assert not announce(message(), "run-1", {"sns": Mailbox(down=True), "slack": slack}, Texts())
    assert slack.titles == ["m"]


def test_a_text_that_cannot_be_read_does_not_block_the_channel() -> None:
    store, sns = Texts(), Mailbox()
    store.put("undelivered/sns/0-broken.json", "{")
    announce(message(), "run-1", {"sns": sns}, store)
    assert sns.titles == ["m"]


class Slow(Mailbox):
    """While it sends, another run announces, and meets the same message."""

    def __init__(self, store: Texts) -> None:
        super().__init__()
        self._store, self._busy = store, False

    def send(self, message: Message) -> None:
        if not self._busy:
            self._busy = True
            announce(Message(kind="trained", title="other"), "run-2", {"sns": self}, self._store)
        super().send(message)


class Choosy(Mailbox):
    """A channel that never takes one message, and does not know why."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def send(self, message: Message) -> None:
        if message.title == "bad":
            raise self._error
        super().send(message)


@pytest.mark.attack(
    attacker="code of a model",
    tries="to silence a channel for all models by one message that it refuses",
    stopped_by="a message that is refused for ever is put aside, and the next ones are sent",
)
@pytest.mark.parametrize("error", [MessageRefused("invalid_blocks"), ValueError("unknown")], ids=["refused", "unknown"])
def test_one_message_that_a_channel_refuses_does_not_block_the_next(error: Exception) -> None:
    store, choosy = Texts(), Choosy(error)
    announce(message("bad"), "run-1", {"slack": choosy}, store)
    announce(message("good"), "run-2", {"slack": choosy}, store)
    assert choosy.titles == ["good"]


def test_a_refused_message_is_kept_for_people_and_sent_no_more() -> None:
    store = Texts()
    assert announce(message("bad"), "run-1", {"slack": Choosy(MessageRefused("no"))}, store)
    assert store.keys("undelivered/") == []
    assert store.keys("refused/") == ["refused/slack/run-1-trained.json"]
    announce(message("bad"), "run-1", {"slack": (healthy := Mailbox())}, store)
    assert healthy.titles == []


def test_a_channel_that_is_down_is_not_asked_for_every_message() -> None:
    store, asked = Texts(), []

    class Down(Mailbox):
        def send(self, message: Message) -> None:
            asked.append(message.title)
            raise OSError

    for number in range(5):
        store.put(f"undelivered/slack/{number}.json", message(str(number)).model_dump_json())
    assert not announce(message("new"), "run-1", {"slack": Down()}, store)
    assert asked == ["0", "1"]
    assert len(store.keys("undelivered/slack/")) == 6


def test_two_announcements_at_once_send_once() -> None:
    store = Texts()
    slow = Slow(store)
    announce(message(), "run-1", {"sns": slow}, store)
    assert sorted(slow.titles) == ["m", "other"]
    assert not store.keys("undelivered/")


def test_what_was_written_again_after_it_was_sent_is_not_sent_again() -> None:
    store, sns = Texts(), Mailbox()
    announce(message(), "run-1", {"sns": sns}, store)
    store.put("undelivered/sns/run-1-trained.json", message().model_dump_json())
    announce(message("second"), "run-2", {"sns": sns}, store)
    assert sns.titles == ["m", "second"]
    assert not store.keys("undelivered/")


@pytest.mark.parametrize(
    ("minutes", "owner", "sent"),
    [(1, "run-2", False), (10, "run-2", True), (1, "run-1", True)],
    ids=["another-is-sending", "another-died", "the-try-before-died"],
)
def test_a_claim_of_one_that_died_ends(minutes: int, owner: str, sent: bool) -> None:
    store, sns = Texts(), Mailbox()
    claimed = datetime.now(UTC) - timedelta(minutes=minutes)
    store.put("claimed/undelivered/sns/run-1-trained.json/1", f"{claimed.isoformat()} {owner}")
    assert announce(message(), "run-1", {"sns": sns}, store) is sent
    assert sns.titles == (["m"] if sent else [])
    announce(message(), "run-1", {"sns": sns}, store)
    assert sns.titles == (["m"] if sent else [])
