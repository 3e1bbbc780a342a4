"""The two kinds of failure, told apart by type.

A `UserError` is the model team's to mend (a bad key, a script that raises); a `PlatformError` is the
platform team's (a service that does not answer, a missing bucket). Exit codes follow the same line.
"""

from __future__ import annotations

from typing import ClassVar


class ModelwayError(Exception):
    """Base of every error that the platform raises on purpose.

    `fix` is the next thing to do, as a sentence or a command; it is printed under the message.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class UserError(ModelwayError):
    """Raised when what the model team gave is wrong; a retry of the same input fails again."""

    exit_code = 2


class PlatformError(ModelwayError):
    """Raised when a service or the platform itself failed; a retry may pass."""

    exit_code = 3
