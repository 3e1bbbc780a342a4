"""Which errors Airflow must not try again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from modelway.errors import UserError


@contextmanager
def user_errors_fail_at_once() -> Iterator[None]:
    """A `UserError` ends the task without a retry, since the same input fails again; other errors are retried."""
    try:
        yield
    except UserError as error:
        raise AirflowFailException(str(error)) from error
