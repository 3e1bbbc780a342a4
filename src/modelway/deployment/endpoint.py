"""Create or update an endpoint, verify it, put the previous config back."""

from __future__ import annotations

import json
import time
from typing import Any, Literal, NamedTuple, Protocol

from botocore.exceptions import ClientError

from modelway.contracts import DeploymentRequest
from modelway.deployment.scaling import Registration, converge, obstacle, registered, release
from modelway.errors import PlatformError, UserError
from modelway.sagemaker.registry import describe

Action = Literal["created", "updated", "unchanged"]
# Statuses of an endpoint that will be another without anybody asking.
MOVING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


class NotVerified(UserError):
    """Raised when the live endpoint is not what was asked for."""


class Change(NamedTuple):
    """What was asked of SageMaker, which config was live before, and which autoscaling was taken off for it."""

    action: Action
    previous_config: str | None
    released: Registration | None = None


class Journal(Protocol):
    """What an earlier try of the same request asked for; `outbox.Store` in S3 is one."""

    def put(self, key: str, text: str) -> None: ...
    def get(self, key: str) -> str | None: ...


def apply_config(
    client: Any,
    endpoint: str,
    config: str,
    tags: list[dict[str, str]],
    journal: Journal,
    key: str,
    *,
    autoscaling: Any,
    keep_count: bool = False,
) -> Change:
    """Ask for `config`; nothing is asked when it is live or on its way. Raises PlatformError while busy.

    `keep_count` keeps the instances that autoscaling has arrived at, where it stays on. The change is written to
    `journal` under `key` before it is asked for, so that a retry, which finds `config` live already, still knows what
    was live before.
    """
    live = describe(client.describe_endpoint, EndpointName=endpoint)
    status, current = ("", None) if live is None else (live["EndpointStatus"], live.get("EndpointConfigName"))
    pending = {} if live is None else live.get("PendingDeploymentSummary", {})
    if status != "Failed" and config in (current, pending.get("EndpointConfigName")):
        return _remembered(journal, key) or _found(status, current, config)
    if status not in ("", "InService", "Failed"):
        raise PlatformError(f"endpoint {endpoint} is {status}; another deployment is on its way")
    change = Change("created", None)
    if status == "InService" and current is not None:
        earlier = _remembered(journal, key)  # a try that died between taking autoscaling off and asking
        off = earlier.released if earlier and earlier.previous_config == current else None
        change = Change("updated", current, off or obstacle(client, autoscaling, endpoint, current, config))
    journal.put(key, json.dumps(change._asdict()))
    if status == "InService":
        _update(client, autoscaling, endpoint, config, change.released, keep_count=keep_count)
        return change
    if status == "Failed":
        delete(client, endpoint)
    client.create_endpoint(EndpointName=endpoint, EndpointConfigName=config, Tags=tags)
    return change


def _remembered(journal: Journal, key: str) -> Change | None:
    text = journal.get(key)
    if text is None:
        return None
    found = json.loads(text)
    released = found.get("released")
    return Change(found["action"], found["previous_config"], Registration(*released) if released else None)


def _update(
    client: Any, autoscaling: Any, endpoint: str, config: str, released: Registration | None, *, keep_count: bool
) -> None:
    """UpdateEndpoint, with no autoscaling in its way; a variant that is not registered has no count to keep."""
    if released is not None:
        release(autoscaling, endpoint)
    keep = keep_count and released is None and registered(autoscaling, endpoint) is not None
    retain = {"RetainAllVariantProperties": True} if keep else {}
    try:
        client.update_endpoint(EndpointName=endpoint, EndpointConfigName=config, **retain)
    except ClientError:
        if released is not None:
            converge(autoscaling, endpoint, released)
        raise


def _found(status: str, current: str | None, config: str) -> Change:
    if current != config:
        return Change("updated", current)
    return Change("unchanged" if status == "InService" else "created", None)


def delete(client: Any, endpoint: str, *, seconds: float = 600, poll: float = 1) -> None:
    """Delete a failed endpoint (SageMaker allows nothing else with one) and wait until its name is free."""
    client.delete_endpoint(EndpointName=endpoint)
    deadline = time.monotonic() + seconds
    while describe(client.describe_endpoint, EndpointName=endpoint) is not None:
        if time.monotonic() > deadline:
            raise PlatformError(f"endpoint {endpoint} failed and is still there {seconds:.0f} s after its deletion")
        time.sleep(poll)


def same_shape(expected: Any, found: Any) -> bool:
    """Same JSON types and keys; lists by their first element, int and float alike."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and expected.keys() == found.keys()
            and all(same_shape(value, found[key]) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and bool(expected) == bool(found)
            and (not expected or all(same_shape(expected[0], item) for item in found))
        )
    if isinstance(expected, bool) or isinstance(found, bool):
        return isinstance(expected, bool) and isinstance(found, bool)
    if isinstance(expected, int | float):
        return isinstance(found, int | float)
    return type(expected) is type(found)


def verify(client: Any, runtime: Any, request: DeploymentRequest, endpoint: str, config: str) -> str:
    """ARN of the endpoint when design decision 9 holds. Raises NotVerified saying what does not."""
    live = client.describe_endpoint(EndpointName=endpoint)
    reason = live.get("FailureReason", "")
    if live["EndpointStatus"] != "InService" or live["EndpointConfigName"] != config:
        state = f"endpoint {endpoint} is {live['EndpointStatus']} with {live['EndpointConfigName']}"
        raise NotVerified(f"{state}: {reason}" if reason else state)
    # With the wanted config in service, a reason that is still there tells of an earlier update, which was taken back.
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=request.request_example.encode()
    )
    if request.image.digest not in answer.get("CustomAttributes", ""):
        raise NotVerified(f"endpoint {endpoint} does not answer with image {request.image.digest}")
    try:
        found = json.loads(answer["Body"].read())
    except ValueError as error:
        raise NotVerified(f"endpoint {endpoint} did not answer with JSON") from error
    if not same_shape(json.loads(request.response_example), found):
        raise NotVerified(f"endpoint {endpoint} answered another shape than at admission: {json.dumps(found)[:300]}")
    return str(live["EndpointArn"])


def restore(
    client: Any,
    endpoint: str,
    previous: str | None,
    *,
    own: str,
    autoscaling: Any,
    released: Registration | None = None,
    seconds: float = 1800,
    poll: float = 5,
) -> str:
    """Go back to `previous` and wait until it serves; says what was done. Nothing to go back to: see `withdraw`.

    Only from `own`, the config that this run made live: what somebody else has made live since is not ours to undo.
    Autoscaling that is taken off for it, or was (`released`) for what is taken back, is put on again.
    """
    live = describe(client.describe_endpoint, EndpointName=endpoint)
    if live is None:
        return "the endpoint is gone: nothing was restored"
    if previous is None:
        return f"no config was live before, so {endpoint} is left as it is; the next deployment replaces it"
    deadline = time.monotonic() + seconds
    live = _settled(client, endpoint, deadline, poll)  # a try before this one may have asked
    if live["EndpointStatus"] == "Failed":  # SageMaker refuses to update it
        return f"{previous} could not be restored: {endpoint} is Failed; the next deployment replaces it"
    if live["EndpointConfigName"] not in (previous, own):
        return f"{live['EndpointConfigName']} was made live since, by another run: nothing was restored"
    if live["EndpointConfigName"] != previous:
        off = obstacle(client, autoscaling, endpoint, live["EndpointConfigName"], previous)
        _update(client, autoscaling, endpoint, previous, off, keep_count=True)
        released = released or off
    live = _settled(client, endpoint, deadline, poll, config=previous)
    if live["EndpointStatus"] != "InService" or live["EndpointConfigName"] != previous:
        return f"{previous} could not be restored: {live['EndpointStatus']}"
    if released is not None:
        converge(autoscaling, endpoint, released)
    return f"restored {previous}"


def _settled(client: Any, endpoint: str, deadline: float, poll: float, config: str | None = None) -> dict[str, Any]:
    """The endpoint when nothing moves it any more, or as it is at the deadline (of the monotonic clock).

    With `config`, an update to it has been asked for: an answer from before that (InService, another config) is old.
    """
    while True:
        live: dict[str, Any] = client.describe_endpoint(EndpointName=endpoint)
        status, current = live["EndpointStatus"], live["EndpointConfigName"]
        moving = status in MOVING or (status == "InService" and config not in (None, current))
        if not moving or time.monotonic() >= deadline:
            return live
        time.sleep(poll)


def withdraw(client: Any, endpoint: str, config: str) -> str:
    """Delete an endpoint that came into service wrong and had never served right; says what was done.

    Nothing was live before, so nothing being live is what to go back to: left there it would answer wrongly, and be the
    champion of the next training. A failed one stays, since it serves nothing and its reason can be read.
    """
    live = describe(client.describe_endpoint, EndpointName=endpoint)
    if live is None or live["EndpointStatus"] != "InService" or live["EndpointConfigName"] != config:
        return restore(client, endpoint, None, own=config, autoscaling=None)
    delete(client, endpoint)
    return f"no config was live before, so {endpoint} was deleted"
