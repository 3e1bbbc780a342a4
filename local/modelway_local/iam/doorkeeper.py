"""Lets a request in whose signature is of a key of this stack, and says whose it is.

Another user of the machine can reach the gateway's port, and has no key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, cast

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Answer, Body, Request, json_answer
from modelway_local.iam import signature
from modelway_local.iam.credentials import Credentials, Keyring
from modelway_local.iam.refusals import Refusal, Refused

# Bodies larger than this wait on disk while their hash is computed.
IN_MEMORY = 8 * 1024 * 1024
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
REGISTRY_SECONDS = 12 * 3600
REGISTRY_USER = "AWS"


class Doorkeeper:
    """Checks signatures and registry tokens against a keyring."""

    def __init__(self, keyring: Keyring, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._keyring = keyring
        self._now = now

    def admit(self, request: Request) -> tuple[Request, Credentials]:
        """The request, its body to be read once more, and whose it is. Raises Refusal."""
        try:
            signed = signature.read(request)
        except signature.SignatureMissing as error:
            raise Refusal(Refused.UNSIGNED, request) from error
        except signature.SignatureMalformed as error:
            raise Refusal(Refused.MALFORMED, request, str(error)) from error
        credentials = self._keyring.find(signed.access_key_id)
        if credentials is None:
            raise Refusal(Refused.UNKNOWN_KEY, request)
        if not secrets.compare_digest(credentials.session_token, signed.token):
            raise Refusal(Refused.WRONG_TOKEN, request)
        request, digest = _kept(request)
        try:
            signature.check(request, signed, credentials, lambda: digest, self._now())
        except signature.SignatureWrong as error:
            raise Refusal(Refused.WRONG_SIGNATURE, request) from error
        except signature.SignatureExpired as error:
            raise Refusal(Refused.EXPIRED_SIGNATURE, request, f"Signature expired: {error}") from error
        except signature.SignatureMalformed as error:
            raise Refusal(Refused.MALFORMED, request, str(error)) from error
        if credentials.expires and credentials.expires < time.time():
            raise Refusal(Refused.EXPIRED_TOKEN, request)
        given = request.headers.get("x-amz-content-sha256", digest)
        if len(given) == len(digest) and given != digest:
            said = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise AwsError("XAmzContentSHA256Mismatch", said)
        return request, credentials

    def registry_token(self, credentials: Credentials) -> tuple[str, float]:
        """What GetAuthorizationToken gives: a token of the caller's, and when it ends."""
        word = secrets.token_urlsafe(48)
        expires = time.time() + REGISTRY_SECONDS
        secret = secrets.token_urlsafe(30)
        self._keyring.add(
            replace(credentials, access_key_id=_registry_id(word), secret_access_key=secret, expires=expires)
        )
        return base64.b64encode(f"{REGISTRY_USER}:{word}".encode()).decode(), expires

    def admit_to_registry(self, request: Request) -> Credentials | None:
        """Whose token a request of the registry's protocol carries; None for none of ours."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, word = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if kind.lower() != "basic" or user != REGISTRY_USER or not word:
            return None
        credentials = self._keyring.find(_registry_id(word))
        return None if credentials is None or credentials.expires < time.time() else credentials


def _registry_id(word: str) -> str:
    """Only the token's hash is kept."""
    return f"registry {hashlib.sha256(word.encode()).hexdigest()}"


def registry_refusal(message: str = "Not Authorized", status: int = 401) -> Answer:
    """ECR's answer to a docker client without a valid token."""
    code = "UNAUTHORIZED" if status == 401 else "DENIED"
    headers = {"WWW-Authenticate": 'Basic realm="local",service="ecr"'} if status == 401 else {}
    return json_answer({"errors": [{"code": code, "message": message}]}, status, headers)


def _kept(request: Request) -> tuple[Request, str]:
    """The request with its body read, and the body's hash: a signature may be over what comes last."""
    file = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - it lives as long as the request
    digest = hashlib.sha256()
    for piece in request.body.pieces():
        digest.update(piece)
        file.write(piece)
    size = file.tell()
    file.seek(0)
    return replace(request, body=Body(cast(io.BufferedIOBase, file), size)), digest.hexdigest()
