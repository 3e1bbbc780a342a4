"""The handler joins the subscription's event, the bucket and, where it is configured, Wavefront."""

from __future__ import annotations

import base64
import gzip
import json
import runpy
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from modelway.errors import PlatformError, UserError

ROOT = Path(__file__).parents[4]
Handler = Callable[[Any, object], dict[str, int]]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An account with the logs bucket and Wavefront's token; MODELWAY_WAVEFRONT_URL is not set."""
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="kept-lines", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        boto3.client("secretsmanager").create_secret(Name="modelway/dev/wavefront-token", SecretString="t0ken")
        monkeypatch.setenv("MODELWAY_LOGS_BUCKET", "kept-lines")
        yield client


@pytest.fixture
def handler(s3: Any) -> Handler:
    found: Handler = runpy.run_path(str(ROOT / "lambdas" / "log_forwarder" / "handler.py"))["handler"]
    return found


def event(*messages: str) -> dict[str, Any]:
    entries = [{"id": str(i), "timestamp": 1_790_000_000_000, "message": text} for i, text in enumerate(messages)]
    group = "/aws/sagemaker/Endpoints/modelway-fraud"
    batch = {"messageType": "DATA_MESSAGE", "logGroup": group, "logStream": "AllTraffic/1", "logEvents": entries}
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(batch).encode())).decode()}}


def test_lines_are_kept_and_nothing_leaves_without_wavefront(
    handler: Handler, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("something was sent"))
    assert handler(event("one", '{"metrics": {"drift": 0.2}}'), None) == {"lines": 2, "dropped": 0}
    [entry] = s3.list_objects_v2(Bucket="kept-lines")["Contents"]
    assert entry["Key"].startswith("logs/aws/sagemaker/Endpoints/modelway-fraud/2026/")
    lines = gzip.decompress(s3.get_object(Bucket="kept-lines", Key=entry["Key"])["Body"].read()).decode().splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["one", '{"metrics": {"drift": 0.2}}']


def test_metrics_go_to_wavefront_with_the_secrets_token(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[urllib.request.Request] = []

    class Answer:
        def close(self) -> None: ...

    monkeypatch.setenv("MODELWAY_WAVEFRONT_URL", "https://x.wavefront.com")
    monkeypatch.setenv("MODELWAY_WAVEFRONT_SECRET_ID", "modelway/dev/wavefront-token")
    monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: sent.append(request) or Answer())
    handler(event('{"metrics": {"drift": 0.2}}'), None)
    assert sent[0].data == b'"modelway.drift" 0.2 1790000000 source="modelway-fraud"\n'
    assert sent[0].get_header("Authorization") == "Bearer t0ken"


def test_what_is_not_taken_raises_so_that_lambda_tries_again(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route")

    monkeypatch.setenv("MODELWAY_WAVEFRONT_URL", "https://x.wavefront.com")
    monkeypatch.setenv("MODELWAY_WAVEFRONT_SECRET_ID", "modelway/dev/wavefront-token")
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(PlatformError, match="Wavefront did not take the points"):
        handler(event('{"metrics": {"drift": 0.2}}'), None)
    with pytest.raises(UserError, match="not a CloudWatch Logs subscription"):
        handler({"awslogs": {"data": "!"}}, None)
