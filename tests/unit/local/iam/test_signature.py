"""Signatures that botocore made, and those that it did not."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from modelway_local.gateway.exchange import Body, Request
from modelway_local.iam.credentials import Credentials, Keyring, new
from modelway_local.iam.doorkeeper import Doorkeeper
from modelway_local.iam.refusals import Refusal

URL = "http://127.0.0.1:4566"


def sent(credentials: Credentials, service: str, operation: str, **arguments: Any) -> Request:
    """What boto3 would send, caught before it is."""
    caught: list[Any] = []

    class Caught(Exception):
        pass

    def catch(request: Any, **_: Any) -> None:
        caught.append(request)
        raise Caught

    client: Any = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=URL,
        region_name="eu-west-1",
        config=Config(inject_host_prefix=False),
        **credentials.arguments(),
    )
    client.meta.events.register("before-send", catch)
    with pytest.raises(Caught):
        getattr(client, operation)(**arguments)
    request = caught[0]
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    return as_received(request.method, request.url, headers, request.body)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def as_received(method: str, url: str, headers: dict[str, str], body: Any = b"") -> Request:
    content = body.read() if hasattr(body, "read") else body or b""
    content = content.encode() if isinstance(content, str) else content
    target = "/" + url.split("/", 3)[3] if url.count("/") > 2 else "/"
    headers = {"host": "127.0.0.1:4566", **headers}
    return Request(method, target, headers, list(headers.items()), Body(io.BytesIO(content), len(content)))


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path)


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "put_object", {"Bucket": "b", "Key": "a b/ü+(1)~.csv", "Body": b"1,2"}),
    ("s3", "list_objects_v2", {"Bucket": "b", "Prefix": "a b/+&=", "Delimiter": "/"}),
    ("sagemaker", "describe_training_job", {"TrainingJobName": "j"}),
    ("sns", "publish", {"TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Message": "a=b&c d"}),
    ("lambda", "invoke", {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f", "Payload": b"{}"}),
    ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b"[1]", "ContentType": "text/csv"}),
    ("mwaa", "get_environment", {"Name": "modelway-local"}),
]


@pytest.mark.parametrize(("service", "operation", "arguments"), CALLS, ids=[one[1] for one in CALLS])
def test_what_botocore_signs_is_let_in(
    keyring: Keyring, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    for credentials in (keyring.of("ci"), keyring.of_role("job", "arn:aws:iam::123456789012:role/r", "s", "")):
        _, caller = Doorkeeper(keyring).admit(sent(credentials, service, operation, **arguments))
        assert caller == credentials


@pytest.mark.parametrize(("service", "operation", "arguments"), CALLS, ids=[one[1] for one in CALLS])
@pytest.mark.attack(
    attacker="other user of the machine",
    tries="keys that are not of the stack, or one of its key ids with a guessed secret",
    stopped_by="every request's signature is checked against keys that are made at random for each stack",
)
def test_another_users_keys_open_nothing(
    keyring: Keyring, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    doorkeeper, ours = Doorkeeper(keyring), keyring.of()
    unknown = {"s3": "InvalidAccessKeyId", "sns": "InvalidClientTokenId"}.get(service, "UnrecognizedClientException")
    for stranger in (new("stranger"), Credentials("", "local", "local"), Credentials("", "testing", "testing")):
        with pytest.raises(Refusal, match=unknown):
            doorkeeper.admit(sent(stranger, service, operation, **arguments))
    guessed = replace(ours, secret_access_key=new("stranger").secret_access_key)
    wrong = "SignatureDoesNotMatch" if service in ("s3", "sns") else "InvalidSignatureException"
    with pytest.raises(Refusal, match=wrong):
        doorkeeper.admit(sent(guessed, service, operation, **arguments))


@pytest.mark.attack(
    attacker="other user of the machine",
    tries="requests without a signature",
    stopped_by="whoever has no key of the stack is answered by nothing but its health page",
)
def test_an_unsigned_request_is_refused(keyring: Keyring) -> None:
    for headers in ({}, {"x-amz-target": "SageMaker.ListModels"}, {"authorization": "AWS4-HMAC-SHA256 nonsense"}):
        with pytest.raises(Refusal):
            Doorkeeper(keyring).admit(as_received("GET", f"{URL}/bucket/key", dict(headers)))


@pytest.mark.attack(
    attacker="other user of the machine",
    tries="another body, header, path or session under a signature that was seen",
    stopped_by="the signature covers all of them and the time, and temporary keys need their token",
)
def test_a_signature_is_for_one_request(keyring: Keyring) -> None:
    doorkeeper = Doorkeeper(keyring)
    session = keyring.of_role("job", "arn:aws:iam::123456789012:role/r", "s", "")
    request = sent(session, "sns", "publish", TopicArn="arn:aws:sns:eu-west-1:123456789012:t", Message="m")
    other = Body(io.BytesIO(b"Action=DeleteTopic"), 18)
    changed = [
        replace(request, body=other),
        replace(request, target="/other"),
        replace(request, headers={**request.headers, "host": "evil.test"}),
        replace(request, headers={**request.headers, "x-amz-target": "X.Y"}),
        replace(request, headers={**request.headers, "x-amz-security-token": "other"}),
    ]
    for one in changed:
        with pytest.raises(Refusal):
            doorkeeper.admit(one)
    later = Doorkeeper(keyring, lambda: datetime.now(UTC) + timedelta(minutes=16))
    with pytest.raises(Refusal, match="Signature expired"):
        later.admit(sent(session, "sns", "publish", TopicArn="arn:aws:sns:eu-west-1:123456789012:t", Message="m"))


def test_a_presigned_url_holds_until_it_expires(keyring: Keyring) -> None:
    credentials = keyring.of("ci")
    s3 = boto3.client(
        "s3",
        endpoint_url=URL,
        region_name="eu-west-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        **credentials.arguments(),  # type: ignore[arg-type]
    )
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "a b"}, ExpiresIn=60)
    request = as_received("GET", url, {})
    assert request.service == "s3"
    assert Doorkeeper(keyring).admit(request)[1] == credentials
    with pytest.raises(Refusal, match="SignatureDoesNotMatch"):
        Doorkeeper(keyring).admit(replace(request, target=request.target.replace("a%20b", "other")))
    later = Doorkeeper(keyring, lambda: datetime.now(UTC) + timedelta(seconds=90))
    with pytest.raises(Refusal, match="RequestTimeTooSkewed"):
        later.admit(request)


def test_a_registry_token_is_random_and_its_callers(keyring: Keyring) -> None:
    doorkeeper, credentials = Doorkeeper(keyring), keyring.of("ci")
    token, _ = doorkeeper.registry_token(credentials)
    assert token != doorkeeper.registry_token(credentials)[0]
    known = doorkeeper.admit_to_registry(as_received("GET", f"{URL}/v2/", {"authorization": f"Basic {token}"}))
    assert known is not None
    assert known.actor == "ci"
    for word in ("", "Basic QVdTOmxvY2Fs", "Basic !", "Bearer x", f"Basic {token[:-8]}AAAAAAA="):
        assert doorkeeper.admit_to_registry(as_received("GET", f"{URL}/v2/", {"authorization": word})) is None


@pytest.mark.attack(
    attacker="other user of the machine",
    tries="reading the stack's keys from its folder",
    stopped_by="they lie in files and folders of their owner alone",
)
def test_nobody_else_reads_the_keys(keyring: Keyring, tmp_path: Path) -> None:
    keyring.of()
    assert (tmp_path / "iam").stat().st_mode & 0o077 == 0
    for path in (tmp_path / "iam").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_keys_are_made_once_and_differ(keyring: Keyring, tmp_path: Path) -> None:
    assert keyring.of("ci") == Keyring(tmp_path).of("ci") != keyring.of("airflow")
    assert (
        keyring.secret("deliveries")
        == Keyring(tmp_path).secret("deliveries")
        != Keyring(tmp_path / "b").secret("deliveries")
    )
