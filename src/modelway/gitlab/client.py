"""The connection to GitLab, and its failures told apart."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import gitlab
import requests

from modelway.errors import PlatformError

TIMEOUT_SECONDS = 60.0


class GitLabDenied(PlatformError):
    """Raised when GitLab refuses the token (401, 403)."""


class GitLabUnavailable(PlatformError):
    """Raised when GitLab answers 429 or 5xx after all retries, or does not answer."""


class GitLabRefused(PlatformError):
    """Raised for every other answer that is not a success."""


def connect(environ: Mapping[str, str] | None = None) -> gitlab.Gitlab:
    """A client for CI_SERVER_URL with MODELWAY_GITLAB_TOKEN, or else with the job's own CI_JOB_TOKEN.

    python-gitlab waits as a 429's Retry-After says; 5xx and broken connections are retried with growing pauses.
    Raises GitLabDenied when there is no token.
    """
    source = os.environ if environ is None else environ
    url = source.get("CI_SERVER_URL", "https://gitlab.com")
    token = source.get("MODELWAY_GITLAB_TOKEN") or None
    job_token = None if token else source.get("CI_JOB_TOKEN") or None
    if not (token or job_token):
        raise GitLabDenied(
            "there is no token for GitLab", fix="add the masked variable MODELWAY_GITLAB_TOKEN, docs/how-to/gitlab.md"
        )
    return gitlab.Gitlab(
        url, private_token=token, job_token=job_token, timeout=TIMEOUT_SECONDS, retry_transient_errors=True
    )


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn python-gitlab's errors into ours; `doing` is the sentence's start, e.g. "fetch job 7 of project 3"."""
    try:
        yield
    except gitlab.GitlabError as error:
        raise _translated(doing, error) from error
    except requests.RequestException as error:
        raise GitLabUnavailable(f"{doing}: GitLab does not answer ({type(error).__name__})") from error


def _translated(doing: str, error: gitlab.GitlabError) -> PlatformError:
    status = error.response_code or 0
    if status in (401, 403):
        return GitLabDenied(
            f"{doing}: GitLab refuses the token ({status})",
            fix="renew MODELWAY_GITLAB_TOKEN: scope api, member of the model's project, not expired",
        )
    if status == 429 or status >= 500:
        return GitLabUnavailable(f"{doing}: GitLab answers {status} after all retries", fix="run the job again later")
    return GitLabRefused(f"{doing}: GitLab answers {status}: {error.error_message}")
