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
from modelway_local.gateway_gaps.ecr_lifecycle import EcrLifecycle
from modelway_local.gateway_gaps.execution_roles import ExecutionRoles
from modelway_local.gateway_gaps.lambda_code import LambdaCode
from modelway_local.gateway_gaps.listed_versions import ListedVersions
from modelway_local.gateway_gaps.mwaa_environments import MwaaEnvironments
from modelway_local.gateway_gaps.recording import Recorder
from modelway_local.gateway_gaps.rule_descriptions import RuleDescriptions
from modelway_local.gateway_gaps.suspended_buckets import SuspendedBuckets


class GapGateway(Gateway):
    """Everything that `Gateway` does, and what Terraform needs besides."""

    def __init__(self, home: Path, port: int, moto_url: str, airflow_url: str = "") -> None:
        self._recorder = Recorder(home)
        super().__init__(home, port, moto_url, airflow_url, watch_jobs=self._recorder.note_sent)
        self._code = LambdaCode(home)
        self._descriptions = RuleDescriptions(home)
        self._roles = ExecutionRoles(moto_url)
        self._gaps = (
            BucketPolicies(home, self._moto.forward),
            SuspendedBuckets(home, self._moto.forward),
            ListedVersions(self._moto.forward),
            MwaaEnvironments(home, lambda: _webserver(home, airflow_url)),
            EcrLifecycle(home, self._ecr.handle),
        )

    def _route(self, request: Request) -> Answer:
        form = ""
        if "x-www-form-urlencoded" in request.headers.get("content-type", ""):
            body = request.body.read()
            request, form = replace(request, body=_again(body)), body.decode()
        self._recorder.note(request, form)
        if request.headers.get("x-amz-target", "").startswith("SageMaker."):
            body = request.body.read()
            self._roles.require(request, body)
            request = replace(request, body=_again(body))
        for gap in self._gaps:
            if (answer := gap.handle(request)) is not None:
                return answer
        if request.service == "lambda":
            return self._function(request)
        if request.service == "ec2":
            return self._network(request)
        return super()._route(request)

    def _function(self, request: Request) -> Answer:
        body = request.body.read() if self._code.wants(request) else b""
        status, headers, answer = super()._route(replace(request, body=_again(body)) if body else request)
        if status >= 300:
            return status, headers, answer
        self._code.note(request, body)
        if request.method != "GET":
            return status, headers, answer
        return status, _unsized(headers), self._code.amend(request, whole(answer))

    def _network(self, request: Request) -> Answer:
        form = request.body.read()
        status, headers, answer = super()._route(replace(request, body=_again(form)))
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
