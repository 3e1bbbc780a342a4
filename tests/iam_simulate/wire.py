"""An operation of botocore's as the gateway receives it, with made-up parameters that name one of everything."""

from __future__ import annotations

import io
import re
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest
from modelway_local.gateway.exchange import Body, Request

ACCOUNT = "123456789012"
# By member: what a made-up text would not do for.
KEY, ROLE = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/x", f"arn:aws:iam::{ACCOUNT}:role/x"
TEXTS = {
    "AliasName": "alias/x",
    "CopySource": "bucket/key",
    "DeliverLogsPermissionArn": ROLE,
    "ExecutionRoleArn": ROLE,
    "KMSKeyArn": KEY,
    "KmsKey": KEY,
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/x",
    "ResourceId": "endpoint/x/variant/x",
    "Role": ROLE,
    "RoleArn": ROLE,
    "SourceBucketArn": "arn:aws:s3:::bucket",
    "roleArn": ROLE,
}
# How EC2's ids begin, by what the member is called before its `Id`.
EC2_IDS = {
    "Allocation": "eipalloc",
    "Association": "rtbassoc",
    "FlowLog": "fl",
    "Group": "sg",
    "InternetGateway": "igw",
    "NatGateway": "nat",
    "NetworkInterface": "eni",
    "RouteTable": "rtb",
    "SecurityGroup": "sg",
    "SecurityGroupRule": "sgr",
    "Subnet": "subnet",
    "Vpc": "vpc",
    "VpcEndpoint": "vpce",
}
# Members that are given although nothing requires them, besides every text: what AWS may ask more rights for.
GIVEN = {"Tags", "tags", "TagSpecifications", "ResourceType", "Key", "Value", "SecurityGroupRuleId"}


class _Taken(Exception):
    """Raised instead of sending."""


class Wire:
    """Clients that send nothing."""

    def __init__(self) -> None:
        self._session = botocore.session.Session()
        self._clients: dict[str, Any] = {}
        self._models: dict[str, Any] = {}

    def model(self, service: str) -> Any:
        """botocore's model of a service."""
        if service not in self._models:
            self._models[service] = self._session.get_service_model(service)
        return self._models[service]

    def request(self, service: str, operation: str, arn: str) -> tuple[Request, bytes]:
        """The request and its body; `arn` is what an ARN of no particular kind is."""
        shape = self.model(service).operation_model(operation).input_shape
        parameters = _Parameters(arn, ids=service == "ec2").of_input(shape)
        client, taken = self._client(service), []

        def take(request: AWSPreparedRequest, **_: Any) -> None:
            taken.append(request)
            raise _Taken

        client.meta.events.register_first("before-send", take)
        try:
            getattr(client, xform_name(operation))(**parameters)
        except _Taken:
            pass
        finally:
            client.meta.events.unregister("before-send", take)
        [request] = taken
        return _received(request)

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.create_client(
                service,
                region_name="eu-west-1",
                endpoint_url="http://127.0.0.1:1",
                aws_access_key_id="AKIAEXAMPLE",
                aws_secret_access_key="x",
                aws_account_id=ACCOUNT,
            )
        return self._clients[service]


def _received(sent: AWSPreparedRequest) -> tuple[Request, bytes]:
    body = sent.body or b""
    content = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
    url = urlsplit(sent.url)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value) for name, value in sent.headers.items()
    }
    target = f"{url.path}?{url.query}" if url.query else url.path
    stream = Body(io.BufferedReader(io.BytesIO(content)), len(content))  # type: ignore[arg-type]
    return Request(sent.method, target, headers, list(headers.items()), stream), content


class _Parameters:
    """Values for a shape's members: those that are required, those of GIVEN, and every text at the top."""

    def __init__(self, arn: str, *, ids: bool) -> None:
        self._arn, self._ids = arn, ids

    def of_input(self, shape: Any) -> dict[str, Any]:
        if shape is None:
            return {}
        tokens = ("token", "Token")
        texts = {
            name: self._value(member, name, ())
            for name, member in shape.members.items()
            if member.type_name == "string" and not name.endswith(tokens)
        }
        return texts | self._value(shape, "", ())

    def _value(self, shape: Any, name: str, around: tuple[str, ...]) -> Any:
        kind = shape.type_name
        if kind == "structure":
            if shape.name in around:
                return {}
            wanted = {*shape.required_members, *GIVEN} & set(shape.members)
            if getattr(shape, "is_tagged_union", False):
                wanted = set(list(shape.members)[:1])
            return {one: self._value(shape.members[one], one, (*around, shape.name)) for one in wanted}
        if kind == "list":
            return [self._value(shape.member, name, around)] * max(1, shape.metadata.get("min", 1))
        if kind == "map":
            return {"k": self._value(shape.value, name, around)}
        if kind in ("integer", "long"):
            return max(1, int(shape.metadata.get("min", 1)))
        plain: dict[str, Any] = {"float": 1.0, "double": 1.0, "boolean": True, "timestamp": 0, "blob": b"x"}
        return plain[kind] if kind in plain else self._text(shape, name)

    def _text(self, shape: Any, name: str) -> str:
        if name in TEXTS:
            return TEXTS[name]
        if words := shape.metadata.get("enum"):
            return str(words[0])
        if self._ids and (match := re.fullmatch(r"(.*)Ids?", name)):
            return f"{EC2_IDS.get(match[1], 'other')}-0a1b"
        if name.lower().endswith("arn"):
            return self._arn
        return "x" * max(1, shape.metadata.get("min", 1))
