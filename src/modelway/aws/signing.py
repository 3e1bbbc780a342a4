"""The platform's signing key, in KMS: the private half never leaves it.

Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
"""

from __future__ import annotations

import hashlib
from typing import Any

import boto3

from modelway.errors import PlatformError
from modelway.platform import Platform

ALGORITHM = "ECDSA_SHA_256"
KEY_SPEC = "ECC_NIST_P256"


class KmsKey:
    """`lineage.statement.Signer`: ECDSA on P-256 over the message's SHA-256, as Sign takes only 4096 bytes."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def sign(self, message: bytes) -> bytes:
        """Raises PlatformError where there is no such key."""
        try:
            signed = self._client.sign(**self._asked(message))
        except self._client.exceptions.NotFoundException as error:
            raise self._absent() from error
        return bytes(signed["Signature"])

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's. Raises PlatformError where there is no such key."""
        try:
            return bool(self._client.verify(**self._asked(message), Signature=signature)["SignatureValid"])
        except self._client.exceptions.KMSInvalidSignatureException:
            return False
        except self._client.exceptions.NotFoundException as error:
            raise self._absent() from error

    def _asked(self, message: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(message).digest()
        return {
            "KeyId": self._key_id,
            "Message": digest,
            "MessageType": "DIGEST",
            "SigningAlgorithm": ALGORITHM,
        }

    def _absent(self) -> PlatformError:
        return PlatformError(f"there is no signing key {self._key_id}", fix="modelway up, or apply Terraform")


def platform_key(platform: Platform) -> KmsKey:
    """The key of one environment."""
    return KmsKey(boto3.client("kms"), platform.signing_key_id)
