"""Web pages are kept out: what a browser says of a request, and which requests are refused for it.

A page of any site can make the browsers of this machine send requests to loopback addresses. What it cannot change is
what the browser itself writes into them: `Origin`, `Sec-Fetch-Site` and `Host`
(https://www.w3.org/TR/fetch-metadata/, https://fetch.spec.whatwg.org/#origin-header). `Host` also tells of a page whose
site's name was pointed at 127.0.0.1 after it had loaded (DNS rebinding). AWS clients send neither of the first two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

# What this server is called from its own machine.
HOSTS = ("127.0.0.1", "localhost", "[::1]")
# Buckets (`bucket.localhost`) and botocore's host prefixes (`api.127.0.0.1`, as Terraform sends them). Nobody can have
# such a name point elsewhere: browsers take no name that ends in a number, and localhost is loopback (RFC 6761).
BELOW = (".127.0.0.1", ".localhost")
# What Terraform's provider asks for by AWS's own name, with this server as its HTTP proxy.
PROXIED = (".amazonaws.com", ".api.aws")
# A browser may follow an address that a person typed, and what a page of this server's own asks for.
SITES = {"none", "same-origin"}
# Nothing that is served here is a page of this origin: an HTML file in a bucket, which a model may have written, can do
# no more than one of an unknown site.
NO_PAGE = {
    "content-security-policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


def refusal(method: str, target: str, headers: Iterable[tuple[str, str]], port: int) -> str | None:
    """Why a request is refused; None if it is not a page's.

    `target` is the request line's, an absolute URL where the client takes this server for its proxy.
    """
    sent: dict[str, list[str]] = {}
    for name, value in headers:
        sent.setdefault(name.lower(), []).append(value.strip())
    hosts = sent.get("host", [])
    origins = {f"http://{host}:{port}" for host in HOSTS}
    if len(hosts) != 1:
        return f"it has {len(hosts)} Host headers"
    asked = [hosts[0], urlsplit(target).netloc] if _is_absolute(target) else hosts
    if foreign := [host for host in asked if not _ours(host, target, port)]:
        return f"the Host {foreign[0]!r} is not this server's"
    if others := [origin for origin in sent.get("origin", []) if origin not in origins]:
        return f"the Origin {others[0]!r} is another"
    if sites := [site for site in sent.get("sec-fetch-site", []) if site not in SITES]:
        return f"Sec-Fetch-Site is {sites[0]!r}"
    if method == "OPTIONS" and any(name.startswith("access-control-request-") for name in sent):
        return "it asks for leave to send another (a preflight)"
    return None


def _is_absolute(target: str) -> bool:
    return target.lower().startswith(("http://", "https://"))


def _ours(host: str, target: str, port: int) -> bool:
    parts = re.fullmatch(r"(\[::1\]|[a-z0-9._-]+)(?::(\d+))?", host.lower())
    if parts is None:
        return False
    name, number = parts.groups()
    if _is_absolute(target) and name.endswith(PROXIED):
        return True
    return (name in HOSTS or name.endswith(BELOW)) and number in (None, str(port))
