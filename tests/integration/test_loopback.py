"""What a web page, or another user of the machine, can make of the loopback AWS: nothing."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from modelway_local.gateway.moto_proxy import SCHEME, client
from modelway_local.gateway.server import delivery_path

from tests.integration.loopback import Loopback, loopback, routes

pytestmark = pytest.mark.integration

REASON = b"takes no requests of web pages"
# What a browser writes into the requests of a page, one kind of page each; `{port}` is the gateway's own.
PAGES: dict[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"},
    "another site, of an old browser": {"Origin": "https://evil.test"},
    "another site's image": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a sandboxed frame or a file": {"Origin": "null"},
    "another port of this machine": {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
    "another port, without Origin": {"Sec-Fetch-Site": "same-site"},
    "another port, of an old browser": {"Origin": "http://localhost:8080"},
    "the same port by https": {"Origin": "https://127.0.0.1:{port}"},
    "a name that was pointed here": {"Host": "evil.test:{port}"},
    "such a name, calling itself its own": {"Host": "evil.test:{port}", "Origin": "http://evil.test:{port}"},
    "such a name, asking for the same origin": {"Host": "evil.test", "Sec-Fetch-Site": "same-origin"},
    "a name that begins as ours": {"Host": "127.0.0.1.evil.test:{port}"},
    "AWS's name, with no proxy asked": {"Host": "s3.amazonaws.com"},
}
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-amz-target"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    with loopback(tmp_path_factory.mktemp("home")) as started:
        yield started


def answer(port: int, method: str, target: str, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    """Sent as the headers say, with a body that every route would take for its own kind of nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = b"{}" if method in ("POST", "PUT") else None
    connection.putrequest(method, target, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value.replace("{port}", str(port)))
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}


@pytest.mark.attack(
    attacker="web page",
    tries="to send a request to any address of the loopback AWS, from another site, another port or a sandboxed frame",
    stopped_by="the gateway refuses what the browser marks: Origin, Sec-Fetch-Site",
)
@pytest.mark.parametrize("page", PAGES)
def test_no_page_reaches_any_route(running: Loopback, page: str) -> None:
    before = running.effects()
    for method, target, headers in routes(running.gateway):
        status, body, _ = answer(running.port, method, target, headers | PAGES[page])
        assert (status, REASON in body or method == "HEAD") == (403, True), (method, target, headers, body)
    assert running.effects() == before


def test_without_a_pages_marks_the_same_requests_are_judged_by_their_routes(running: Loopback) -> None:
    for method, target, headers in routes(running.gateway):
        _, body, _ = answer(running.port, method, target, headers)
        assert REASON not in body, (method, target, headers)


@pytest.mark.attack(
    attacker="web page",
    tries="to get leave for a request of its own by a preflight",
    stopped_by="preflights are refused, and no answer names an origin that may read it",
)
@pytest.mark.parametrize("page", ["nothing", *PAGES])
def test_no_preflight_is_answered(running: Loopback, page: str) -> None:
    for _, target, headers in routes(running.gateway):
        marks = {**PAGES.get(page, {}), **PREFLIGHT}
        status, body, said = answer(running.port, "OPTIONS", target, headers | marks)
        assert (status, REASON in body) == (403, True), (target, headers, body)
        assert not [name for name in said if name.startswith("access-control-")]


@pytest.mark.attack(
    attacker="web page",
    tries="DNS rebinding: its own name is pointed at 127.0.0.1 once it has loaded",
    stopped_by="the gateway takes no Host but its own",
)
@pytest.mark.parametrize("target", ["/_local/health", "http://evil.test/_local/health"])
def test_a_name_that_was_pointed_here_is_no_host(running: Loopback, target: str) -> None:
    host = "evil.test" if target.startswith("/") else f"127.0.0.1:{running.port}"
    status, body, _ = answer(running.port, "GET", target, {"Host": host})
    assert (status, REASON in body) == (403, True)
    assert answer(running.port, "GET", "/_local/health", {})[0] == 200


def test_two_hosts_and_none_are_refused(running: Loopback) -> None:
    for hosts in (b"", f"Host: 127.0.0.1:{running.port}\r\nHost: evil.test\r\n".encode()):
        with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
            connection.sendall(b"GET /_local/health HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
            assert connection.makefile("rb").readline().split()[1] == b"403"


@pytest.mark.attack(
    attacker="code of a model",
    tries="to leave a page in a bucket that acts as the gateway's own when somebody opens it",
    stopped_by="every answer is sandboxed and never guessed to be HTML",
)
def test_nothing_that_is_served_is_a_page_of_this_origin(running: Loopback) -> None:
    s3 = client(f"{SCHEME}{running.moto_socket}", "s3", "local")
    s3.create_bucket(Bucket="pages", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="pages", Key="page.html", Body=b"<script>1</script>", ContentType="text/html")
    for target in ("/pages/page.html", "/_local/health", "/v2/", "/no/such/route"):
        _, _, said = answer(running.port, "GET", target, {})
        assert said["content-security-policy"].startswith("sandbox; default-src 'none'"), target
        assert "allow-" not in said["content-security-policy"]
        assert said["x-content-type-options"] == "nosniff"


@pytest.mark.attack(
    attacker="web page",
    tries="to pass the gateway by: a request straight to moto",
    stopped_by="moto listens on no port, but on a Unix socket",
)
def test_moto_has_no_port(running: Loopback) -> None:
    family = [psutil.Process(running.moto.pid), *psutil.Process(running.moto.pid).children(recursive=True)]
    assert [connection for process in family for connection in process.net_connections("inet")] == []
    assert running.moto_socket.is_socket()


@pytest.mark.attack(
    attacker="other user of the machine",
    tries="to connect to moto's socket, and so to an AWS account that takes any key",
    stopped_by="the socket's folder is its owner's alone",
)
def test_another_user_cannot_connect_to_moto(running: Loopback) -> None:
    folder = running.moto_socket.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == os.geteuid()
    if os.geteuid() == 0:  # only root can be somebody else and try
        attempt = (
            "import os, socket, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "try: socket.socket(socket.AF_UNIX).connect(sys.argv[1])\n"
            "except PermissionError: sys.exit(13)"
        )
        for parent in (running.home, *running.home.parents[:-1]):  # all but the socket's own folder lets him through
            if parent.stat().st_uid == 0 and parent != Path("/tmp"):
                parent.chmod(0o755)
        tried = subprocess.run([sys.executable, "-I", "-S", "-c", attempt, str(running.moto_socket)], check=False)
        assert tried.returncode == 13


def test_motos_own_pages_are_not_passed_on(running: Loopback) -> None:
    assert answer(running.port, "POST", "/moto-api/reset", {})[0] in (403, 404)


def test_a_message_still_reaches_the_mailbox(running: Loopback) -> None:
    sns = client(f"{SCHEME}{running.moto_socket}", "sns", "local")
    topic = sns.create_topic(Name="news")["TopicArn"]
    mailbox = f"http://127.0.0.1:{running.port}{delivery_path(running.gateway.keyring)}/mailbox"
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=mailbox)
    sns.publish(TopicArn=topic, Subject="s", Message="m")
    (kept,) = (running.home / "mailbox").glob("*.json")
    assert json.loads(kept.read_text())["message"] == "m"
