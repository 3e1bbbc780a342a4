"""Wavefront's request, and that its token stays out of errors."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest

from modelway.aws.log_targets import S3Archive, Wavefront
from modelway.errors import PlatformError


class Secrets:
    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        return {"SecretString": f"token-of-{SecretId}"}


class Bucket:
    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def put_object(self, **call: Any) -> None:
        self.calls.append(call)


def test_objects_go_below_the_prefix() -> None:
    bucket = Bucket()
    S3Archive(bucket, "logs-bucket").put("a/b.gz", b"x")
    assert bucket.calls == [{"Bucket": "logs-bucket", "Key": "logs/a/b.gz", "Body": b"x"}]


def test_points_are_posted_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[urllib.request.Request] = []

    class Answer:
        def close(self) -> None: ...

    monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: sent.append(request) or Answer())
    Wavefront(Secrets(), "s", "https://x.wavefront.com/").send(["a 1", "b 2"])
    assert sent[0].full_url == "https://x.wavefront.com/report?f=wavefront"
    assert sent[0].data == b"a 1\nb 2\n"
    assert sent[0].get_header("Authorization") == "Bearer token-of-s"


def test_an_error_does_not_tell_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: urllib.request.Request, timeout: float) -> None:
        raise urllib.error.URLError("refused token-of-s")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(PlatformError) as caught:
        Wavefront(Secrets(), "s", "https://x").send(["a 1"])
    assert "token-of-s" not in str(caught.value)
