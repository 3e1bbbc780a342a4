"""What a job with an identity may be told by its environment, and what it refuses to be told.

In a pipeline that another project triggers, variables may come from people who must not choose where a token is sent or
which program runs. GitLab's setting that forbids pipeline variables is the first lock (`upstream.verified` checks it);
this is the second: addresses come from the file ci/trusted.toml, and every other variable that boto3, Python, pip or
uv would obey is refused by name.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import Field

from modelway.contracts import Document
from modelway.errors import PlatformError
from modelway.shipped import shipped

FILE = "ci/trusted.toml"
# Families of variables by how their names start, and the only ones of each that a job may have.
# boto3: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html; uv: https://docs.astral.sh/uv/reference/environment/
FAMILIES: dict[str, frozenset[str]] = {
    "AWS_": frozenset(
        {
            "AWS_ROLE_ARN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_ROLE_SESSION_NAME",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
        }
    ),
    "UV_": frozenset({"UV_CACHE_DIR", "UV_LINK_MODE"}),
    "PIP_": frozenset(),
    # What the image python:3.11 itself sets.
    "PYTHON": frozenset({"PYTHON_VERSION", "PYTHON_SHA256", "PYTHON_PIP_VERSION", "PYTHON_SETUPTOOLS_VERSION"}),
    "LD_": frozenset(),
    "BASH_": frozenset(),
    "BOTO": frozenset(),
    "SSL_CERT_": frozenset(),
    "REQUESTS_CA_": frozenset(),
    "CURL_CA_": frozenset(),
    "NETRC": frozenset(),
}
IDENTITY = ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "MODELWAY_AWS_TOKEN")


class Overridden(PlatformError):
    """Raised when a variable would choose for a job with an identity what the platform's files choose."""


class Trusted(Document):
    """The content of ci/trusted.toml."""

    gitlab: str = Field(pattern=r"^https://[\w.-]+(:\d+)?(/[\w./-]*)?$", description="GitLab's address.")
    roles: tuple[str, ...] = Field(description="ARNs of the roles that jobs may assume.")


def trusted() -> Trusted:
    """What ci/trusted.toml says."""
    return Trusted.model_validate(tomllib.loads(shipped(FILE).read_text(encoding="utf-8")))


def on_loopback(url: str) -> bool:
    """Whether an address is this machine's own: what is sent there does not leave it."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def gitlab_server(environ: Mapping[str, str] | None = None) -> str:
    """GitLab's address. Raises Overridden when CI_SERVER_URL is neither it nor this machine."""
    source = os.environ if environ is None else environ
    server, ours = source.get("CI_SERVER_URL", ""), trusted().gitlab
    if server and on_loopback(server):
        return server
    if server.rstrip("/") not in ("", ours.rstrip("/")):
        raise Overridden(f"CI_SERVER_URL is {server}, and {FILE} says {ours}", fix=f"write your server into {FILE}")
    return ours


def refuse_overrides(environ: Mapping[str, str] | None = None) -> None:
    """Raises Overridden for each variable that a job with an identity must not get from outside.

    In the environment local nothing may lead away from this machine, and there is no identity.
    """
    source = os.environ if environ is None else environ
    if (source.get("MODELWAY_ENVIRONMENT") or "local") == "local":
        _refuse_identity_in_local(source)
        return
    wrong = sorted(name for name, value in source.items() if value and not _allowed(name))
    if wrong:
        raise Overridden(f"a job with an identity does not take {', '.join(wrong)}", fix="delete the CI/CD variables")
    role = source.get("AWS_ROLE_ARN", "")
    if role and role not in trusted().roles:
        raise Overridden(f"AWS_ROLE_ARN is {role}, which {FILE} does not list", fix=f"write your role into {FILE}")


def _allowed(name: str) -> bool:
    families = [allowed for prefix, allowed in FAMILIES.items() if name.upper().startswith(prefix)]
    return all(name in allowed for allowed in families)


def _refuse_identity_in_local(source: Mapping[str, str]) -> None:
    held = [name for name in IDENTITY if source.get(name)]
    if held:
        message = f"MODELWAY_ENVIRONMENT is local in a job that has an identity ({', '.join(held)})"
        raise Overridden(message, fix="set MODELWAY_ENVIRONMENT to dev, stage or prod")
    endpoints = {name: value for name, value in source.items() if name.startswith("AWS_ENDPOINT_URL") and value}
    away = [f"{name}={value}" for name, value in sorted(endpoints.items()) if not on_loopback(value)]
    if away or "AWS_ENDPOINT_URL" not in endpoints:
        what = ", ".join(away) or "there is no AWS_ENDPOINT_URL"
        raise Overridden(f"MODELWAY_ENVIRONMENT is local, but {what}", fix="modelway up; modelway env")
