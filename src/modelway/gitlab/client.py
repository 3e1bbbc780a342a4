"""The connection to GitLab, and its failures told apart."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import gitlab
import requests

from modelway.errors import PlatformError
from modelway.gitlab.trusted import gitlab_server

TIMEOUT_SECONDS = 60.0


class GitLabDenied(PlatformError):
    """Raised when GitLab refuses the token (401, 403)."""


class GitLabUnavailable(PlatformError):
    """Raised when GitLab answers 429 or 5xx after all retries, or does not answer."""


class GitLabRefused(PlatformError):
    """Raised for every other answer that is not a success."""


def connect(environ: Mapping[str, str] | None = None) -> gitlab.Gitlab:
    """A client for the server of ci/trusted.toml with MODELWAY_GITLAB_TOKEN.

    python-gitlab waits as a 429's Retry-After says; 5xx and broken connections are retried with growing pauses.
    Raises GitLabDenied when there is no token, Overridden when a variable names another server.
    """
    return _client(*_token("MODELWAY_GITLAB_TOKEN", environ))


def connect_to_settings(environ: Mapping[str, str] | None = None) -> gitlab.Gitlab:
    """A client with MODELWAY_SETTINGS_TOKEN, which reads this project's own settings. Raises as `connect`."""
    return _client(*_token("MODELWAY_SETTINGS_TOKEN", environ))


def connect_as_job(environ: Mapping[str, str] | None = None) -> gitlab.Gitlab:
    """A client with CI_JOB_TOKEN, which proves which job this is and who started it. Raises as `connect`."""
    server, token = _token("CI_JOB_TOKEN", environ)
    return gitlab.Gitlab(server, job_token=token, timeout=TIMEOUT_SECONDS, retry_transient_errors=True)


def _client(server: str, token: str) -> gitlab.Gitlab:
    return gitlab.Gitlab(server, private_token=token, timeout=TIMEOUT_SECONDS, retry_transient_errors=True)


def _token(variable: str, environ: Mapping[str, str] | None) -> tuple[str, str]:
    """The server's address and the token."""
    source = os.environ if environ is None else environ
    token = source.get(variable)
    if not token:
        fix = f"add the masked variable {variable}, docs/how-to/gitlab.md"
        raise GitLabDenied("there is no token for GitLab", fix=fix)
    return gitlab_server(source), token


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
