"""The local Airflow asks pages and other users for a login, and lets no other origin read an answer."""

from __future__ import annotations

import pytest
import urllib3
from modelway_local.stack.layout import Stack

pytestmark = pytest.mark.integration

# What reads, what starts a run, what would log in without a password.
REQUESTS = (
    ("GET", "/api/v2/dags"),
    ("GET", "/api/v2/connections"),
    ("POST", "/api/v2/dags/train_evaluate/dagRuns"),
    ("GET", "/auth/token"),
    ("GET", "/auth/token/login"),
)
ORIGINS = ("https://evil.test", "http://127.0.0.1:1", "null")


@pytest.mark.attack(
    attacker="web page",
    tries="to start a run or to read from the local Airflow",
    stopped_by="Airflow asks for a token, and names no origin that may read its answers",
)
@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_airflow_answers_no_page(stack: Stack, method: str, path: str, origin: str) -> None:
    body = b'{"logical_date": null, "conf": {}}' if method == "POST" else None
    marks = {"Origin": origin, "Content-Type": "application/json"}
    preflight = {**marks, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type"}
    for verb, headers, sent in ((method, marks, body), ("OPTIONS", preflight, None)):
        answer = urllib3.request(
            verb, stack.airflow_url + path, headers=headers, body=sent, redirect=False, timeout=60.0
        )
        assert answer.status in (401, 403, 405), answer.data
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.attack(
    attacker="other user of the machine",
    tries="to log in to the local Airflow with a password that is known",
    stopped_by="passwords are made at random for each stack, in a file of the owner's alone",
)
@pytest.mark.parametrize("user", ["admin", "gateway"])
def test_airflow_has_no_known_password(stack: Stack, user: str) -> None:
    for password in ("", user, "airflow", "password"):
        fields = {"username": user, "password": password}
        answer = urllib3.request("POST", f"{stack.airflow_url}/auth/token", json=fields, timeout=60.0)
        assert answer.status in (400, 401), answer.data
