"""The clients of the role that a job or an endpoint runs as: SageMaker reads, writes and logs as that role."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

import boto3
from botocore.config import Config

from modelway_local.gateway.moto_proxy import client as moto_client
from modelway_local.iam.credentials import Credentials, Keyring
from modelway_local.iam.evaluation import Call, Decision
from modelway_local.registry.store import ImageNotFound
from modelway_local.sagemaker.resources import ACCOUNT, REGION

SERVICE = "sagemaker.amazonaws.com"
ACTOR = "sagemaker"
CONFIG = Config(retries={"max_attempts": 4}, max_pool_connections=32, s3={"addressing_style": "path"})
# https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createtrainingjob-perms
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


class Acting(Protocol):
    """Clients of S3 and CloudWatch Logs by role, and leave to pull an image."""

    def s3(self, role: str) -> Any:
        """An S3 client of the role's."""

    def logs(self, role: str) -> Any:
        """A Logs client of the role's."""

    def require_pull(self, role: str, image: str) -> None:
        """Raises ImageNotFound when the role may not pull the image."""


class WithoutRoles:
    """No roles: SageMaker speaks to moto itself."""

    def __init__(self, moto_url: str) -> None:
        self._s3 = moto_client(moto_url, "s3", ACTOR, CONFIG)
        self._logs = moto_client(moto_url, "logs", ACTOR, CONFIG)

    def s3(self, role: str) -> Any:  # noqa: ARG002 - see the protocol
        """One client for all."""
        return self._s3

    def logs(self, role: str) -> Any:  # noqa: ARG002
        """One client for all."""
        return self._logs

    def require_pull(self, role: str, image: str) -> None:
        """Nobody is refused."""


class AsRole:
    """Each role's session of its own, through the gateway, which evaluates it as any other caller."""

    def __init__(self, keyring: Keyring, gateway_url: str, allows: Callable[[Call, Credentials], Decision]) -> None:
        self._keyring, self._url, self._allows = keyring, gateway_url, allows
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def session(self, role: str) -> Credentials:
        """The role as SageMaker assumes it; its sessions are called SageMaker."""
        return self._keyring.of_role(ACTOR, role, "SageMaker", SERVICE)

    def s3(self, role: str) -> Any:
        """An S3 client of the role's."""
        return self._client("s3", role)

    def logs(self, role: str) -> Any:
        """A Logs client of the role's."""
        return self._client("logs", role)

    def _client(self, service: str, role: str) -> Any:
        with self._lock:
            if (service, role) not in self._clients:
                self._clients[service, role] = boto3.client(
                    service,  # type: ignore[call-overload]
                    endpoint_url=self._url,
                    region_name=REGION,
                    config=CONFIG,
                    **self.session(role).arguments(),
                )
            return self._clients[service, role]

    def require_pull(self, role: str, image: str) -> None:
        """Raises ImageNotFound, naming role and action, when the role may not pull the image."""
        repository = (
            image.partition("/")[2].partition("@")[0].rpartition(":")[0] or image.partition("/")[2].partition("@")[0]
        )
        arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}"
        session = self.session(role)
        for call in (Call("ecr:GetAuthorizationToken", "*"), *(Call(action, arn) for action in PULL)):
            decision = self._allows(call, session)
            if not decision.allowed:
                on = "" if call.resource == "*" else f" on resource: {call.resource}"
                said = f"{role} is not authorized to perform: {call.action}{on} {decision.reason}"
                raise ImageNotFound(said)
