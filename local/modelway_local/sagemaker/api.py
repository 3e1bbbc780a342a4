"""SageMaker's operations by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.config import Config

from modelway_local.gateway.errors import UnknownOperationError
from modelway_local.gateway.moto_proxy import client as moto_client
from modelway_local.gateway.validation import service_model, validate_input
from modelway_local.iam.acting import ACTOR, Acting, WithoutRoles
from modelway_local.registry.store import UnpackedImage
from modelway_local.sagemaker.catalogue import Catalogue
from modelway_local.sagemaker.endpoints import Endpoints
from modelway_local.sagemaker.jobs import Jobs
from modelway_local.sagemaker.parameters import refuse_what_is_not_done
from modelway_local.sagemaker.scaling import AutoScaling
from modelway_local.sagemaker.store import Store
from modelway_local.sagemaker.transform import TransformJobs


class SageMaker:
    """The service: `call` for the control plane, `invoke` for the runtime, `scaling` for the number of instances."""

    def __init__(
        self,
        home: Path,
        moto_url: str,
        unpack: Callable[[str], UnpackedImage],
        acting: Acting | None = None,
    ) -> None:
        """`acting`: the clients of the roles that jobs and endpoints run as; without it there are no roles."""
        store = Store(home / "sagemaker")
        acting = acting or WithoutRoles(moto_url)
        self.scaling = AutoScaling(store, _client("cloudwatch", moto_url))
        self._endpoints = Endpoints(store, home, acting, unpack, self.scaling)
        self._parts = (
            Jobs(store, home, acting, unpack),
            TransformJobs(store, home, acting, unpack),
            Catalogue(store),
            self._endpoints,
        )

    def call(self, operation: str, document: dict[str, Any]) -> dict[str, Any]:
        """Answer one operation, JSON-ready. Raises AwsError: bad input, or 501 for what is not implemented."""
        handler = self._handler(operation)
        validate_input("sagemaker", operation, document)
        refuse_what_is_not_done(operation, document)
        return self._answer(operation, handler(document))

    def operations(self) -> list[str]:
        """Every operation that is implemented."""
        return operations()

    def _handler(self, operation: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        handler = self._method(operation)
        if handler is None:
            raise UnknownOperationError("sagemaker", operation)
        return handler

    def _method(self, operation: str) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
        name = _method_name(operation)
        found = next((getattr(part, name) for part in self._parts if hasattr(part, name)), None)
        return found if callable(found) else None

    def _answer(self, operation: str, result: dict[str, Any]) -> dict[str, Any]:
        """Only the members that the service's model names, without nulls, times as seconds."""
        shape = service_model("sagemaker").operation_model(operation).output_shape
        members = set(shape.members) if shape is not None else set()
        return {key: _wire(value) for key, value in result.items() if key in members and value is not None}

    def invoke(self, endpoint: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """InvokeEndpoint."""
        lowered = {key.lower(): value for key, value in headers.items()}
        shape = service_model("sagemaker-runtime").operation_model("InvokeEndpoint").input_shape
        given = {
            name: lowered[member.serialization["name"].lower()]
            for name, member in (shape.members.items() if shape is not None else ())
            if member.serialization.get("location") == "header" and member.serialization["name"].lower() in lowered
        }
        refuse_what_is_not_done("InvokeEndpoint", given)
        return self._endpoints.invoke(endpoint, body, lowered)

    def close(self) -> None:
        """Stop the endpoints' servers; jobs die with the process."""
        self._endpoints.close()


PARTS: tuple[type, ...] = (Jobs, TransformJobs, Catalogue, Endpoints)


def operations() -> list[str]:
    """Every operation of SageMaker that is answered here."""
    names = service_model("sagemaker").operation_names
    return [name for name in names if any(callable(getattr(part, _method_name(name), None)) for part in PARTS)]


def _method_name(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def _client(service: str, url: str) -> Any:
    return moto_client(url, service, ACTOR, Config(retries={"max_attempts": 2}, max_pool_connections=32))


def _wire(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {key: _wire(item) for key, item in value.items() if item is not None}
    return [_wire(item) for item in value] if isinstance(value, list) else value
