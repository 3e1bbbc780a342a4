"""What every SageMaker resource has: an ARN, tags, and a place in a listing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from modelway_local.gateway.errors import AwsError
from modelway_local.sagemaker.store import Resource, Store

REGION = "eu-west-1"
ACCOUNT = "123456789012"
TAGS = "tags"


def arn(kind: str, name: str) -> str:
    """ARN of a resource: kind as in the ARN ('training-job'), name as given."""
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"


def missing(kind: str, name: str) -> AwsError:
    """The error that SageMaker gives for a name it does not know."""
    return AwsError("ValidationException", f'Could not find {kind} "{arn(kind, name)}".')


def in_use(kind: str, name: str) -> AwsError:
    """The error that SageMaker gives when a job's name is taken."""
    return AwsError("ResourceInUse", f"{kind} names must be unique within an AWS account and region: {name} exists.")


class Tags:
    """Tags by ARN."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def set(self, resource_arn: str, tags: Iterable[dict[str, str]]) -> list[dict[str, str]]:
        """Add or overwrite tags; returns all of the resource's."""
        with self._store.lock:
            kept = {tag["Key"]: tag["Value"] for tag in [*self.of(resource_arn), *tags]}
            listed = [{"Key": key, "Value": value} for key, value in kept.items()]
            self._store.put(TAGS, resource_arn, {"Tags": listed})
            return listed

    def of(self, resource_arn: str) -> list[dict[str, str]]:
        """The resource's tags."""
        return list((self._store.get(TAGS, resource_arn) or {}).get("Tags", []))

    def forget(self, resource_arn: str) -> None:
        """Drop all of a resource that is gone, so that the next of its name starts with none."""
        self._store.delete(TAGS, resource_arn)

    def remove(self, resource_arn: str, keys: Iterable[str]) -> None:
        """Drop tags by key."""
        gone = set(keys)
        with self._store.lock:
            self._store.put(TAGS, resource_arn, {"Tags": [t for t in self.of(resource_arn) if t["Key"] not in gone]})


def page(
    resources: Iterable[Resource],
    request: dict[str, Any],
    *,
    name_field: str,
    status_field: str | None = None,
    order: str = "Descending",
    summary: Callable[[Resource], Resource],
) -> tuple[list[Resource], str | None]:
    """One page of a listing, with SageMaker's filters, order and token; `order` is the operation's default."""
    found = [r for r in resources if _passes(r, request, name_field, status_field)]
    key = {"Name": name_field, "Status": status_field or name_field}.get(request.get("SortBy", ""), "CreationTime")
    found.sort(key=lambda r: (r[key], r[name_field]), reverse=request.get("SortOrder", order) == "Descending")
    start = _offset(request.get("NextToken"))
    size = int(request.get("MaxResults", 10))
    more = start + size < len(found)
    token = base64.urlsafe_b64encode(str(start + size).encode()).decode() if more else None
    return [summary(r) for r in found[start : start + size]], token


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()))
    except ValueError as error:
        raise AwsError("ValidationException", "The NextToken is not one that a listing gave.") from error


def _passes(resource: Resource, request: dict[str, Any], name_field: str, status_field: str | None) -> bool:
    if (part := request.get("NameContains")) and part.lower() not in resource[name_field].lower():
        return False
    if status_field and (status := request.get("StatusEquals")) and resource[status_field] != status:
        return False
    for field in ("CreationTime", "LastModifiedTime"):
        at: datetime = resource.get(field) or resource["CreationTime"]
        if (after := request.get(f"{field}After")) and at.timestamp() <= float(after):
            return False
        if (before := request.get(f"{field}Before")) and at.timestamp() >= float(before):
            return False
    return True
