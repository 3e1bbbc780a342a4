"""The gateway with moto's gaps filled: a `Gateway` that asks them first."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from modelway_local.gateway.exchange import Answer, Body, Request, read_json
from modelway_local.gateway.server import Gateway
from modelway_local.gateway_gaps.bucket_policies import BucketPolicies
from modelway_local.gateway_gaps.execution_roles import ExecutionRoles
from modelway_local.gateway_gaps.lambda_code import LambdaCode
from modelway_local.gateway_gaps.listed_versions import ListedVersions
from modelway_local.gateway_gaps.mwaa_environments import MwaaEnvironments
from modelway_local.gateway_gaps.rule_descriptions import RuleDescriptions
from modelway_local.gateway_gaps.suspended_buckets import SuspendedBuckets
from modelway_local.iam import actions, registry_actions
from modelway_local.iam.acting import AsRole
from modelway_local.iam.credentials import Credentials
from modelway_local.iam.encryption import Encryption
from modelway_local.iam.identity_api import IdentityApi
from modelway_local.iam.policies import Policies
from modelway_local.iam.recording import Recorder
from modelway_local.iam.rights import Rights, changed


class GapGateway(Gateway):
    """Everything that `Gateway` does, and what Terraform needs besides."""

    def __init__(self, home: Path, port: int, moto_url: str, airflow_url: str = "") -> None:
        self._policies, self._encryption = Policies(home, moto_url), Encryption(home)
        self._rights = Rights(self._policies, Recorder(home), self._encryption)
        super().__init__(
            home, port, moto_url, airflow_url, lambda keyring, url: AsRole(keyring, url, self._rights.allows)
        )
        self._identity = IdentityApi(self.keyring, self._policies)
        self._code = LambdaCode(home)
        self._descriptions = RuleDescriptions(home)
        self._roles = ExecutionRoles(moto_url)
        self._gaps = (
            BucketPolicies(home, self._moto.forward),
            SuspendedBuckets(home, self._moto.forward),
            ListedVersions(self._moto.forward),
            MwaaEnvironments(home, lambda: _webserver(home, airflow_url)),
        )

    def _registry_denial(self, request: Request, credentials: Credentials) -> str:
        for call in registry_actions.calls(request):
            decision = self._rights.allows(call, credentials)
            if not decision.allowed:
                return f"not authorized to perform: {call.action} on resource: {call.resource} {decision.reason}"
        return ""

    def _authorised(self, request: Request, credentials: Credentials) -> Answer:
        body = b"" if actions.carries_an_object(request) else request.body.read()
        request = replace(request, body=_again(body)) if body else request
        self._rights.require(request, body, credentials)
        if (own := self._identity.handle(request, body, credentials)) is not None:
            return own
        status, headers, answer = self._route(request, credentials)
        if status < 300 and request.service == "iam":
            answer = whole(answer)
            self._identity.note(request, body, answer)
        if status < 300:
            self._encryption.note(request, body)
        changed(self._policies, request, body)
        return status, headers, answer

    def _route(self, request: Request, credentials: Credentials) -> Answer:
        if request.headers.get("x-amz-target", "").startswith("SageMaker."):
            body = request.body.read()
            self._roles.require(request, body)
            request = replace(request, body=_again(body))
        for gap in self._gaps:
            if (answer := gap.handle(request)) is not None:
                return answer
        if request.service == "lambda":
            return self._function(request, credentials)
        if request.service == "ec2":
            return self._network(request, credentials)
        return super()._route(request, credentials)

    def _function(self, request: Request, credentials: Credentials) -> Answer:
        body = request.body.read() if self._code.wants(request) else b""
        request = replace(request, body=_again(body)) if body else request
        status, headers, answer = super()._route(request, credentials)
        if status >= 300:
            return status, headers, answer
        self._code.note(request, body)
        if request.method != "GET":
            return status, headers, answer
        return status, _unsized(headers), self._code.amend(request, whole(answer))

    def _network(self, request: Request, credentials: Credentials) -> Answer:
        form = request.body.read()
        status, headers, answer = super()._route(replace(request, body=_again(form)), credentials)
        amended = self._descriptions.amend(form.decode(), whole(answer).decode())
        return status, _unsized(headers), amended.encode()


def _webserver(home: Path, airflow_url: str) -> str:
    """Host and port of the local Airflow."""
    return urlsplit(airflow_url or str(read_json(home / "stack.json").get("airflow_url") or "")).netloc


def whole(answer: bytes | Iterator[bytes]) -> bytes:
    """An answer's body in one piece."""
    return answer if isinstance(answer, bytes) else b"".join(answer)


def _unsized(headers: dict[str, str]) -> dict[str, str]:
    """The headers without the length of a body that may have changed."""
    return {name: value for name, value in headers.items() if name.lower() != "content-length"}


def _again(body: bytes) -> Body:
    return Body(io.BytesIO(body), len(body))
