"""What a browser says of a request decides whether it is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelway_local.gateway.pages import refusal

PORT = 4566
OWN = "127.0.0.1:4566"


def refused(*headers: tuple[str, str], method: str = "POST", target: str = "/", host: str = OWN) -> str | None:
    return refusal(method, target, [("Host", host), *headers], PORT)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:4566",
        "localhost:4566",
        "LOCALHOST:4566",
        "localhost",
        "[::1]:4566",
        "bucket.localhost:4566",
        "my.bucket.127.0.0.1:4566",
        "api.127.0.0.1:4566",
    ],
)
def test_clients_on_this_machine_are_taken(host: str) -> None:
    assert refused(host=host) is None


@pytest.mark.parametrize("target", ["http://sts.amazonaws.com/", "http://api.eu-west-1.airflow.amazonaws.com:80/x"])
def test_terraforms_requests_to_its_proxy_are_taken(target: str) -> None:
    assert refused(target=target, host=target.split("/")[2]) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:4566",
        "127.0.0.1.evil.test:4566",
        "localhost.evil.test",
        "evillocalhost:4566",
        "127.0.0.1:8080",
        "0.0.0.0:4566",
        "user@127.0.0.1:4566",
        "sts.amazonaws.com",
        "127.0.0.1:4566, evil.test",
        "",
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    assert refused(host=host)


def test_the_address_in_the_request_line_counts_too() -> None:
    assert refused(target="http://evil.test/_local/health")
    assert refused(target="http://sts.amazonaws.com.evil.test/")


def test_none_or_two_hosts_are_refused() -> None:
    assert refusal("GET", "/", [], PORT)
    assert refused(("host", "evil.test"))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.test",
        "http://127.0.0.1",
        "http://127.0.0.1:4567",
        "http://localhost:8080",
        "https://127.0.0.1:4566",
        "http://127.0.0.1:4566.evil.test",
        "http://127.0.0.1:4566/",
        "file://",
        "chrome-extension://abc",
    ],
)
def test_an_origin_that_is_not_its_own_is_refused(origin: str) -> None:
    assert refused(("Origin", origin))
    assert refused(("Origin", f"http://{OWN}"), ("origin", origin))


@pytest.mark.parametrize(("site", "taken"), [("none", True), ("same-origin", True), ("same-site", False)])
def test_only_what_a_person_typed_comes_from_no_page(site: str, taken: bool) -> None:
    assert (refused(("Sec-Fetch-Site", site)) is None) is taken


def test_its_own_origin_may_ask_yet_needs_no_leave() -> None:
    own = ("Origin", f"http://{OWN}")
    assert refused(own) is None
    assert refused(own, ("Access-Control-Request-Method", "PUT"), method="OPTIONS")


@given(st.text(), st.sampled_from(["Origin", "Sec-Fetch-Site"]))
def test_whatever_else_a_browser_says_is_refused(value: str, name: str) -> None:
    taken = {*(f"http://{host}:{PORT}" for host in ("127.0.0.1", "localhost", "[::1]")), "none", "same-origin"}
    assert value.strip() in taken or refused((name, value))
