"""A wire request taken apart: which operation of which service it asks for, with which parameters."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from modelway_local.gateway.exchange import Request
from modelway_local.gateway.validation import service_model

# Signing name to botocore's client name, for services that say their operation in the path alone.
REST = {"lambda": "lambda", "airflow": "mwaa"}
CBOR = re.compile(r"/service/[^/]+/operation/(\w+)")
INVOCATION = re.compile(r"/endpoints/([^/]+)/(invocations\S*)")


@dataclass(frozen=True)
class Operation:
    """`parameters`: the members of the input; of a form, its flat fields (`Tags.member.1.Key`)."""

    service: str
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def text(self, *names: str) -> str:
        """The first of these parameters that is there, as text."""
        return next((str(self.parameters[name]) for name in names if self.parameters.get(name)), "")

    @property
    def tags(self) -> dict[str, str]:
        """The tags that the request sets."""
        for name in ("Tags", "tags", "ResourceTags"):
            if given := self.parameters.get(name):
                return dict(given) if isinstance(given, dict) else dict(_pair(one) for one in given)
        pairs = {}
        for name, value in self.parameters.items():
            if found := re.fullmatch(r"(.*Tags?(?:\.member|\.entry)?\.\d+)\.(?:Key|key)", name):
                pairs[str(value)] = str(self.parameters.get(f"{found[1]}.Value", ""))
        return pairs

    @property
    def tag_keys(self) -> list[str]:
        """The keys of the tags that are set or taken off."""
        named = [value for name, value in self.parameters.items() if re.fullmatch(r"TagKeys(\.member)?\.\d+", name)]
        listed = self.parameters.get("TagKeys") or self.parameters.get("tagKeys") or []
        return [*self.tags, *map(str, named), *map(str, listed)]


def _pair(tag: dict[str, str]) -> tuple[str, str]:
    fields = {name.lower().removeprefix("tag"): value for name, value in tag.items()}
    return fields.get("key", ""), fields.get("value", "")


def operation(request: Request, body: bytes) -> Operation | None:
    """What is asked; None when that cannot be told, as for S3, whose requests have a module of their own."""
    service = request.service
    if target := request.headers.get("x-amz-target", "").rpartition(".")[2]:
        return Operation(service, target, _document(body))
    if found := CBOR.fullmatch(request.path):
        return Operation(service, found[1], _cbor(body))
    query = urlsplit(request.target).query
    form = body.decode(errors="replace") if "x-www-form-urlencoded" in request.headers.get("content-type", "") else ""
    fields = dict(parse_qsl(form, keep_blank_values=True)) or dict(parse_qsl(query, keep_blank_values=True))
    if "Action" in fields:
        return Operation(service, fields["Action"], fields)
    if service == "sagemaker" and (found := INVOCATION.fullmatch(request.path)):
        return Operation(service, "InvokeEndpoint", {"EndpointName": unquote(found[1])})
    return _rest(request, body) if service in REST else None


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _cbor(body: bytes) -> dict[str, Any]:
    import io

    from botocore.parsers import RpcV2CBORParser

    parser = RpcV2CBORParser()
    document = parser.parse_data_item(io.BufferedReader(io.BytesIO(body))) if body else {}
    return document if isinstance(document, dict) else {}


@cache
def _patterns(service: str) -> list[tuple[str, re.Pattern[str], str, tuple[str, ...]]]:
    """Method, pattern of the path, operation and the path's members, the longest path first."""
    model = service_model(service)
    known = []
    for name in model.operation_names:
        shape = model.operation_model(name)
        path = shape.http["requestUri"].split("?")[0].rstrip("/")
        labels = re.findall(r"\{([^}]+)\}", path)
        members = shape.input_shape.members if shape.input_shape else {}
        at = {member.serialization.get("name", key): key for key, member in members.items()}
        parts = [re.escape(part) for part in re.split(r"\{[^}]+\}", path)]
        pattern = re.compile("".join(_join(parts, labels)) + "/?")
        known.append((shape.http["method"], pattern, name, tuple(at.get(one.rstrip("+"), one) for one in labels)))
    return sorted(known, key=lambda entry: -len(entry[1].pattern))


def _join(parts: list[str], labels: list[str]) -> list[str]:
    groups = ["(.+)" if label.endswith("+") or "arn" in label.lower() else "([^/]+)" for label in labels]
    return [piece for pair in zip(parts, [*groups, ""], strict=True) for piece in pair]


def _rest(request: Request, body: bytes) -> Operation | None:
    query = parse_qs(urlsplit(request.target).query)
    for method, pattern, name, members in _patterns(REST[request.service]):
        if method == request.method and (found := pattern.fullmatch(request.path)):
            asked = {key: values if key == "tagKeys" else values[0] for key, values in query.items()}
            sent = {} if name.startswith("Invoke") and request.service == "lambda" else _document(body)
            path = dict(zip(members, map(unquote, found.groups()), strict=True))
            return Operation(request.service, name, {**sent, **asked, **path})
    return None
