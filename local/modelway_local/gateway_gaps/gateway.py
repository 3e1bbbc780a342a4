"""The gateway with moto's gaps filled: a `Gateway` that asks them first."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from modelway_local.gateway.exchange import Answer, Body, Request, read_json
from modelway_local.gateway.server import Gateway
from modelway_local.gateway_gaps.bucket_policies import BucketPolicies
from modelway_local.gateway_gaps.lambda_code import LambdaCode
from modelway_local.gateway_gaps.mwaa_environments import MwaaEnvironments


class GapGateway(Gateway):
    """Everything that `Gateway` does, and what Terraform needs besides."""

    def __init__(self, home: Path, port: int, moto_url: str, airflow_url: str = "") -> None:
        super().__init__(home, port, moto_url, airflow_url)
        self._policies = BucketPolicies(home, self._moto.forward)
        self._code = LambdaCode(home)
        self._environments = MwaaEnvironments(
            home, lambda: urlsplit(airflow_url or str(read_json(home / "stack.json").get("airflow_url") or "")).netloc
        )

    def _route(self, request: Request) -> Answer:
        answer = self._policies.handle(request) or self._environments.handle(request)
        if answer is not None:
            return answer
        if request.service != "lambda":
            return super()._route(request)
        body = request.body.read() if self._code.wants(request) else b""
        answer = super()._route(replace(request, body=_again(body)) if body else request)
        if answer[0] < 300:
            self._code.note(request, body)
        return answer


def _again(body: bytes) -> Body:
    return Body(io.BytesIO(body), len(body))
