"""The errors that the gateway answers with, in AWS's words."""

from __future__ import annotations

import json

JSON_CONTENT_TYPE = "application/x-amz-json-1.1"


class AwsError(Exception):
    """Raised when an operation must answer with an AWS error: its code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> bytes:
        """The error as an AWS JSON protocol body (`__type` and `message`), UTF-8."""
        return json.dumps({"__type": self.code, "message": self.message}).encode()

    def headers(self) -> dict[str, str]:
        """The headers that go with `body`; REST-JSON clients read the code from x-amzn-ErrorType."""
        return {"Content-Type": JSON_CONTENT_TYPE, "x-amzn-ErrorType": self.code}


class ValidationError(AwsError):
    """Raised when an input breaks a rule of the service's model, or names something that is not there."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message, 400)


class ResourceInUseError(AwsError):
    """Raised when a name is taken."""

    def __init__(self, message: str) -> None:
        super().__init__("ResourceInUse", message, 400)


class ResourceNotFoundError(AwsError):
    """Raised when a named resource does not exist."""

    def __init__(self, message: str) -> None:
        super().__init__("ResourceNotFound", message, 400)


class ResourceLimitExceededError(AwsError):
    """Raised when one more resource would pass a quota."""

    def __init__(self, message: str) -> None:
        super().__init__("ResourceLimitExceeded", message, 400)


class UnknownOperationError(AwsError):
    """Raised for an operation that AWS has and this gateway does not: HTTP 501, naming it."""

    def __init__(self, service: str, operation: str) -> None:
        message = f"modelway's local gateway does not implement {service} {operation}"
        super().__init__("NotImplemented", message, 501)
