"""MWAA: InvokeRestApi passed to the local Airflow with a token of its own, as the service does."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from modelway_local.gateway.errors import AwsError, UnknownOperationError
from modelway_local.gateway.exchange import Answer, Request, json_answer, read_json
from modelway_local.gateway.validation import validate_input
from modelway_local.sagemaker.resources import ACCOUNT, REGION

# InvokeRestApi gives up after 10 s: https://docs.aws.amazon.com/mwaa/latest/userguide/access-mwaa-apache-airflow-rest-api.html
TIMEOUT = urllib3.Timeout(connect=2.0, read=10.0)
NOT_HERE = {
    ("POST", r"/clitoken/([^/]+)"): "CreateCliToken",
    ("POST", r"/webtoken/([^/]+)"): "CreateWebLoginToken",
    ("GET", r"/environments"): "ListEnvironments",
    ("PUT", r"/environments/([^/]+)"): "CreateEnvironment",
    ("PATCH", r"/environments/([^/]+)"): "UpdateEnvironment",
    ("DELETE", r"/environments/([^/]+)"): "DeleteEnvironment",
}


class Mwaa:
    """One environment, whatever its name; Airflow's address comes from the flag or from stack.json."""

    def __init__(self, home: Path, airflow_url: str = "") -> None:
        self._home = home
        self._airflow_url = airflow_url
        self._user = os.environ.get("MODELWAY_LOCAL_AIRFLOW_USER", "")
        self._password = os.environ.get("MODELWAY_LOCAL_AIRFLOW_PASSWORD", "")
        self._pool = urllib3.PoolManager(maxsize=16, retries=False, timeout=TIMEOUT)
        self._token = ""
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Answer | None:
        """The answer to an MWAA request; None if the path is not MWAA's. Raises AwsError."""
        if request.service not in ("airflow", ""):
            return None
        if request.method == "POST" and (found := request.match(r"/restapi/([^/]+)")):
            return self._invoke_rest_api(found[0], request.document())
        if request.method == "GET" and (found := request.match(r"/environments/([^/]+)")):
            return json_answer({"Environment": self._environment(found[0])})
        for (method, pattern), operation in NOT_HERE.items():
            if request.method == method and request.match(pattern) is not None:
                raise UnknownOperationError("mwaa", operation)
        if request.service == "airflow":
            raise UnknownOperationError("mwaa", f"{request.method} {request.path}")
        return None

    def _invoke_rest_api(self, name: str, document: dict[str, Any]) -> Answer:
        validate_input("mwaa", "InvokeRestApi", {"Name": name, **document})
        query = urlencode(document.get("QueryParameters") or {}, doseq=True)
        path = document["Path"] + (f"?{query}" if query else "")
        try:
            status, answer = self._call(document["Method"], path, document.get("Body"))
        except urllib3.exceptions.HTTPError as error:
            raise AwsError("InternalServerException", f"Airflow does not answer: {error!r}", 500) from error
        body = {"RestApiStatusCode": status, "RestApiResponse": answer}
        if status < 400:
            return json_answer(body)
        # Both are HTTP 400 in the service's model.
        code = "RestApiClientException" if status < 500 else "RestApiServerException"
        return json_answer({"__type": code, **body}, 400, {"x-amzn-ErrorType": code})

    def _call(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON of one request to Airflow's REST API; a stale token is renewed once."""
        token = self._token or self._renew("")
        status, answer = self._send(method, path, body, token)
        if status == 401:
            status, answer = self._send(method, path, body, self._renew(token))
        return status, answer

    def _send(self, method: str, path: str, body: Any, token: str) -> tuple[int, Any]:
        response = self._pool.request(
            method,
            f"{self._url()}/api/v2{path}",
            body=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        return response.status, _json(response.data)

    def _renew(self, stale: str) -> str:
        """A new token, unless another thread has got one since. With no user: the all-admins token."""
        with self._lock:
            if self._token == stale:
                login = json.dumps({"username": self._user, "password": self._password}).encode()
                response = self._pool.request(
                    "POST" if self._user else "GET",
                    f"{self._url()}/auth/token",
                    body=login if self._user else None,
                    headers={"Content-Type": "application/json"},
                )
                token = _json(response.data).get("access_token")
                if not token:
                    raise AwsError("AccessDeniedException", f"Airflow refused the login: {response.status}", 403)
                self._token = str(token)
            return self._token

    def _url(self) -> str:
        url = self._airflow_url or str(read_json(self._home / "stack.json").get("airflow_url") or "")
        if not url:
            raise AwsError("InternalServerException", "no Airflow runs here: no airflow_url in stack.json", 500)
        return url.rstrip("/")

    def _environment(self, name: str) -> dict[str, Any]:
        """What is true of the local Airflow; UNAVAILABLE while it does not answer."""
        environment = {
            "Name": name,
            "Arn": f"arn:aws:airflow:{REGION}:{ACCOUNT}:environment/{name}",
            "WebserverAccessMode": "PUBLIC_ONLY",
            "Status": "UNAVAILABLE",
        }
        try:
            environment["WebserverUrl"] = urlsplit(self._url()).netloc
            environment["AirflowVersion"] = str(self._call("GET", "/version", None)[1]["version"])
        except (AwsError, urllib3.exceptions.HTTPError, KeyError):
            return environment
        return {**environment, "Status": "AVAILABLE"}


def _json(data: bytes) -> Any:
    """Airflow's answer; text that is not JSON as `detail`, nothing as {}."""
    try:
        return json.loads(data) if data else {}
    except ValueError:
        return {"detail": data.decode(errors="replace")[:2000]}
