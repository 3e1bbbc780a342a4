"""The platform's key in KMS signs, and tells its own signature from any other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from modelway.aws.signing import KEY_SPEC, KmsKey
from modelway.errors import PlatformError

MESSAGE = b"x" * 10_000  # more than Sign takes as a message


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("kms")


def key(kms: Any, name: str) -> KmsKey:
    created = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec=KEY_SPEC)["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=created)
    return KmsKey(kms, f"alias/{name}")


def test_only_its_own_signature_of_this_message_is_valid(kms: Any) -> None:
    ours, theirs = key(kms, "ours"), key(kms, "theirs")
    signature = ours.sign(MESSAGE)
    assert ours.verifies(MESSAGE, signature)
    assert not ours.verifies(MESSAGE + b"y", signature)
    assert not ours.verifies(MESSAGE, theirs.sign(MESSAGE))
    assert not ours.verifies(MESSAGE, b"no signature")


def test_a_signature_that_kms_refuses_is_not_valid(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS raises where moto answers."""

    def refuse(**_: Any) -> None:
        raise kms.exceptions.KMSInvalidSignatureException({"Error": {"Code": "KMSInvalidSignatureException"}}, "Verify")

    ours = key(kms, "ours")
    monkeypatch.setattr(kms, "verify", refuse)
    assert not ours.verifies(MESSAGE, b"x")


def test_a_key_that_is_not_there_is_named(kms: Any) -> None:
    absent = KmsKey(kms, "alias/absent")
    for call in (lambda: absent.sign(MESSAGE), lambda: absent.verifies(MESSAGE, b"x")):
        with pytest.raises(PlatformError, match="there is no signing key alias/absent"):
            call()
