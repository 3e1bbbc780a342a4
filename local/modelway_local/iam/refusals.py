"""Refusals in the words and the protocol of the service that was asked.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html and each service's page of
common errors, such as https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from enum import StrEnum
from xml.sax.saxutils import escape

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Request

JSON, QUERY, EC2, S3 = "json", "query", "ec2", "s3"
REST_JSON = {"lambda", "airflow", "sagemaker-runtime"}


class Refused(StrEnum):
    """Why a request goes no further."""

    UNSIGNED = "unsigned"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"
    WRONG_SIGNATURE = "wrong signature"
    EXPIRED_SIGNATURE = "expired signature"
    EXPIRED_TOKEN = "expired token"  # noqa: S105 - no secret
    WRONG_TOKEN = "wrong token"  # noqa: S105 - no secret
    NOT_ALLOWED = "not allowed"


# Code per protocol: JSON and REST-JSON, query, EC2, S3.
_CODES: dict[Refused, tuple[str, str, str, str]] = {
    Refused.UNSIGNED: (
        "MissingAuthenticationTokenException",
        "MissingAuthenticationToken",
        "AuthFailure",
        "AccessDenied",
    ),
    Refused.MALFORMED: (
        "IncompleteSignatureException",
        "IncompleteSignature",
        "AuthFailure",
        "AuthorizationHeaderMalformed",
    ),
    Refused.UNKNOWN_KEY: ("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "InvalidAccessKeyId"),
    Refused.WRONG_SIGNATURE: (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "SignatureDoesNotMatch",
    ),
    Refused.EXPIRED_SIGNATURE: (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "RequestExpired",
        "RequestTimeTooSkewed",
    ),
    Refused.EXPIRED_TOKEN: ("ExpiredTokenException", "ExpiredToken", "RequestExpired", "ExpiredToken"),
    Refused.WRONG_TOKEN: ("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "InvalidToken"),
    Refused.NOT_ALLOWED: ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "AccessDenied"),
}
_MESSAGES = {
    Refused.UNSIGNED: "Missing Authentication Token",
    Refused.UNKNOWN_KEY: "The security token included in the request is invalid.",
    Refused.WRONG_TOKEN: "The security token included in the request is invalid.",
    Refused.EXPIRED_TOKEN: "The security token included in the request is expired",
    Refused.WRONG_SIGNATURE: (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    ),
}
_S3_MESSAGES = {
    Refused.UNSIGNED: "Access Denied",
    Refused.UNKNOWN_KEY: "The AWS Access Key Id you provided does not exist in our records.",
    Refused.WRONG_TOKEN: "The provided token is malformed or otherwise invalid.",
    Refused.EXPIRED_TOKEN: "The provided token has expired.",
}
_PLACE = {JSON: 0, QUERY: 1, EC2: 2, S3: 3}


class Refusal(AwsError):
    """Raised when a request is not answered because of who sent it."""

    def __init__(self, why: Refused, request: Request, detail: str = "") -> None:
        self._protocol = protocol(request)
        said = _S3_MESSAGES.get(why) if self._protocol == S3 else None
        message = detail or said or _MESSAGES.get(why, why.value)
        status = 400 if self._protocol == JSON and _service(request) not in REST_JSON else 403
        super().__init__(_CODES[why][_PLACE[self._protocol]], message, status)

    def headers(self) -> dict[str, str]:
        """Content type and, in JSON, the code."""
        return super().headers() if self._protocol == JSON else {"Content-Type": "text/xml"}

    def body(self) -> bytes:
        """The error as the service's clients read it."""
        if self._protocol == JSON:
            return super().body()
        said = f"<Code>{self.code}</Code><Message>{escape(self.message)}</Message>"
        if self._protocol == S3:
            return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{said}</Error>'.encode()
        if self._protocol == EC2:
            return f"<Response><Errors><Error>{said}</Error></Errors><RequestID>local</RequestID></Response>".encode()
        error = f"<Error><Type>Sender</Type>{said}</Error><RequestId>local</RequestId>"
        return f"<ErrorResponse>{error}</ErrorResponse>".encode()


def _service(request: Request) -> str:
    if request.service == "sagemaker" and "x-amz-target" not in request.headers:
        return "sagemaker-runtime"
    return request.service


def protocol(request: Request) -> str:
    """Which of AWS's protocols the client speaks."""
    if request.service == "ec2":
        return EC2
    if "x-amz-target" in request.headers or _service(request) in REST_JSON:
        return JSON
    if "x-www-form-urlencoded" in request.headers.get("content-type", "") or "Action=" in request.target:
        return QUERY
    return S3 if request.service in ("s3", "") else QUERY
