"""Signature Version 4, checked: in the Authorization header and in a presigned URL's query.

The canonical request and the signature are botocore's own. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from modelway_local.gateway.exchange import Request
from modelway_local.iam.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=15)
LONGEST_PRESIGNED = 7 * 24 * 3600
UNSIGNED = "UNSIGNED-PAYLOAD"
HEADER = re.compile(rf"{ALGORITHM}\s+(.*)")
SCOPE = re.compile(r"([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")


class SignatureMissing(Exception):
    """Raised for a request that is not signed at all."""


class SignatureMalformed(Exception):
    """Raised for an Authorization that Signature Version 4 does not know."""


class SignatureExpired(Exception):
    """Raised when the request was signed too long ago, or for a later day."""


class SignatureWrong(Exception):
    """Raised when another secret, or another request, was signed."""


@dataclass(frozen=True)
class Signed:
    """What a request says of its signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    token: str
    # Seconds that a presigned URL holds; 0 for a signed header.
    expires: int


def read(request: Request) -> Signed:
    """The signature's parts. Raises SignatureMissing and SignatureMalformed."""
    query = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
    if "X-Amz-Signature" in query:
        return _presigned(query)
    found = HEADER.fullmatch(request.headers.get("authorization", "").strip())
    if found is None:
        raise SignatureMissing
    parts = dict(part.strip().partition("=")[::2] for part in found[1].split(","))
    scope = SCOPE.fullmatch(parts.get("Credential", ""))
    if scope is None or not {"SignedHeaders", "Signature"} <= set(parts):
        raise SignatureMalformed("the Authorization header lacks Credential, SignedHeaders or Signature")
    headers = tuple(parts["SignedHeaders"].split(";"))
    timestamp = request.headers.get("x-amz-date", "")
    token = request.headers.get("x-amz-security-token", "")
    return Signed(scope[1], scope[2], scope[3], scope[4], headers, parts["Signature"], timestamp, token, 0)


def _presigned(query: dict[str, str]) -> Signed:
    scope = SCOPE.fullmatch(query.get("X-Amz-Credential", ""))
    expires = query.get("X-Amz-Expires", "")
    if scope is None or query.get("X-Amz-Algorithm") != ALGORITHM or not expires.isdecimal():
        raise SignatureMalformed("the query lacks X-Amz-Algorithm, X-Amz-Credential or X-Amz-Expires")
    if not 0 < int(expires) <= LONGEST_PRESIGNED:
        raise SignatureMalformed("X-Amz-Expires must be between 1 and 604800 seconds")
    headers = tuple(query.get("X-Amz-SignedHeaders", "").split(";"))
    return Signed(
        *(scope[1], scope[2], scope[3], scope[4], headers, query["X-Amz-Signature"]),
        query.get("X-Amz-Date", ""),
        query.get("X-Amz-Security-Token", ""),
        int(expires),
    )


def check(
    request: Request, signed: Signed, credentials: Credentials, body_hash: Callable[[], str], now: datetime
) -> None:
    """Raises SignatureWrong and SignatureExpired; `body_hash` is for a request that names none."""
    _in_time(signed, now)
    headers = set(signed.signed_headers)
    # A header that says something to AWS and is not signed may be anybody's; a presigned URL's are the caller's choice.
    unsigned = any(name.startswith("x-amz-") and name not in headers for name in request.headers)
    if "host" not in headers or (unsigned and not signed.expires):
        raise SignatureWrong
    expected = _signature(request, signed, credentials, body_hash)
    if not hmac.compare_digest(expected, signed.signature):
        raise SignatureWrong


def _in_time(signed: Signed, now: datetime) -> None:
    try:
        at = datetime.strptime(signed.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureMalformed(f"X-Amz-Date is {signed.timestamp!r}, not a time") from error
    if not signed.timestamp.startswith(signed.date):
        raise SignatureMalformed("the day of the credential's scope is not that of X-Amz-Date")
    lasts = timedelta(seconds=signed.expires) if signed.expires else SKEW
    if now > at + lasts or at > now + SKEW:
        raise SignatureExpired(f"signed at {signed.timestamp}, and it is {now:%Y%m%dT%H%M%SZ}")


def _signature(request: Request, signed: Signed, credentials: Credentials, body_hash: Callable[[], str]) -> str:
    kind = S3SigV4Auth if signed.service == "s3" else SigV4Auth
    auth = kind(
        BotoCredentials(credentials.access_key_id, credentials.secret_access_key), signed.service, signed.region
    )
    url = urlsplit(request.target)
    # As AWS does it, the path and each part of the query are decoded and encoded once more.
    parts = [part.partition("=")[::2] for part in url.query.split("&") if part]
    query = sorted((_encoded(name), _encoded(value)) for name, value in parts if name != "X-Amz-Signature")
    target = quote(unquote(url.path), safe="/-._~") + "?" + "&".join(f"{name}={value}" for name, value in query)
    headers = {name: request.headers.get(name, "") for name in signed.signed_headers}
    sent = AWSRequest(request.method, f"http://{request.headers.get('host', '')}{target}", headers=headers)
    given = request.headers.get("x-amz-content-sha256")
    sent.headers["X-Amz-Content-SHA256"] = UNSIGNED if signed.expires else given or body_hash()
    sent.context["timestamp"] = signed.timestamp
    canonical = _canonical(auth, sent, signed)
    return str(auth.signature(auth.string_to_sign(sent, canonical), sent))


def _canonical(auth: SigV4Auth, sent: AWSRequest, signed: Signed) -> str:
    """botocore's canonical request with the headers that were signed, which may be more than botocore would sign."""
    lines = [f"{name}:{' '.join(sent.headers.get(name, '').split())}" for name in sorted(signed.signed_headers)]
    url = urlsplit(str(sent.url))
    # S3 takes the path as it is sent; all others encode it once more.
    path = url.path if isinstance(auth, S3SigV4Auth) else quote(url.path, safe="/~")
    return "\n".join(
        (
            str(sent.method),
            path,
            str(url.query),
            "\n".join(lines) + "\n",
            ";".join(sorted(signed.signed_headers)),
            sent.headers["X-Amz-Content-SHA256"],
        )
    )


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def sha256(body: bytes) -> str:
    """Hex digest of a body."""
    return hashlib.sha256(body).hexdigest()
