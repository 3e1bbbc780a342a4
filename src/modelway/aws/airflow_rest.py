"""Airflow's REST API through `mwaa.invoke_rest_api`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from modelway.errors import PlatformError
from modelway.trigger import RestError


def mwaa_client(endpoint_url: str = "") -> Any:
    """A client whose host prefix (`api.`) is left out only where the endpoint is this machine."""
    loopback = urlsplit(endpoint_url).hostname in ("127.0.0.1", "localhost", "::1")
    return boto3.client("mwaa", config=Config(inject_host_prefix=False) if loopback else Config())


class MwaaRest:
    """`trigger.AirflowRest` for one MWAA environment."""

    def __init__(self, client: Any, environment: str) -> None:
        self._client = client
        self._environment = environment

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Raises RestError with the status for 4xx, PlatformError for all else."""
        request: dict[str, Any] = {"Name": self._environment, "Method": method, "Path": path}
        if body is not None:
            request["Body"] = dict(body)
        try:
            answer: dict[str, Any] = self._client.invoke_rest_api(**request).get("RestApiResponse") or {}
            return answer
        except ClientError as error:
            response: dict[str, Any] = dict(error.response)
            status = int(response.get("RestApiStatusCode") or 0)
            if 400 <= status < 500:
                raise RestError(status, str(response.get("RestApiResponse"))[:1000]) from error
            raise PlatformError(f"MWAA environment {self._environment}: {error}") from error
        except BotoCoreError as error:
            raise PlatformError(f"MWAA environment {self._environment}: {error}") from error
