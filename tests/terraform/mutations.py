"""Policies changed in one place, and who notices: the calls that the gateway recorded, and probes of what stays shut.

A right that no recorded call needs is one that nothing here shows to be needed: it is told by its statement's sid.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway_local.iam.conditions import listed
from modelway_local.iam.evaluation import Call, Principal, decide

Policy = dict[str, Any]
ACCOUNT = "123456789012"
# An ARN and a value that no policy of ours names.
ELSEWHERE = "arn:aws:nowhere:eu-west-1:999999999999:stranger"
OTHER = "somebody-else"


@dataclass(frozen=True)
class Recorded:
    """One call that the gateway evaluated, and allowed or not."""

    role: str
    principal: str
    call: Call
    allowed: bool


def recorded(path: Path) -> list[Recorded]:
    """All calls of a stack."""
    found = []
    for line in path.read_text().splitlines():
        one = json.loads(line)
        context = {name: tuple(values) for name, values in one["context"].items()}
        call = Call(one["action"], one["resource"], context)
        found.append(Recorded(one["role"].rpartition("/")[2], one["principal"], call, one["verdict"] == "allowed"))
    return found


def may(policies: dict[str, Policy], call: Call) -> bool:
    """Whether identity policies alone allow a call."""
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    return decide(call, Principal(f"{role}/s", ACCOUNT, role, policies)).allowed


@dataclass(frozen=True)
class Mutation:
    """A change of one policy; `probes` must be refused before it, and one of them is allowed after a widening."""

    name: str
    sid: str
    policies: dict[str, Policy]
    probes: tuple[Call, ...] = ()


def _changed(policies: dict[str, Policy], key: str, position: int) -> tuple[dict[str, Policy], Policy]:
    changed = copy.deepcopy(policies)
    statements = listed(changed[key]["Statement"])
    changed[key]["Statement"] = statements
    return changed, statements[position]


def _allows(policies: dict[str, Policy]) -> Iterator[tuple[str, int, Policy]]:
    for key, policy in policies.items():
        for position, statement in enumerate(listed(policy["Statement"])):
            if statement["Effect"] == "Allow":
                yield key, position, statement


def removals(policies: dict[str, Policy]) -> Iterator[Mutation]:
    """Each statement without one of its actions."""
    for key, position, statement in _allows(policies):
        for action in listed(statement["Action"]):
            changed, one = _changed(policies, key, position)
            one["Action"] = [other for other in listed(one["Action"]) if other != action] or ["none:None"]
            yield Mutation(action, statement["Sid"], changed)


def narrowings(policies: dict[str, Policy]) -> Iterator[Mutation]:
    """Each statement with one resource less, or with one condition that asks for another value."""
    for key, position, statement in _allows(policies):
        for resource in listed(statement["Resource"]):
            changed, one = _changed(policies, key, position)
            one["Resource"] = [other for other in listed(one["Resource"]) if other != resource] or [ELSEWHERE]
            yield Mutation(f"without {resource}", statement["Sid"], changed)
        for operator, keys in statement.get("Condition", {}).items():
            for name in keys:
                changed, one = _changed(policies, key, position)
                one["Condition"][operator][name] = [OTHER]
                yield Mutation(f"{operator} {name} of {OTHER}", statement["Sid"], changed)


def widenings(policies: dict[str, Policy], calls: list[Call]) -> Iterator[Mutation]:
    """Each statement on all resources, and without each of its conditions, with probes that only that lets through."""
    for key, position, statement in _allows(policies):
        # One for each action: what one of them may do, another statement may allow as well.
        examples = [_example(action, statement, calls) for action in listed(statement["Action"])]
        satisfying = _satisfying(statement)
        if listed(statement["Resource"]) != ["*"]:
            changed, one = _changed(policies, key, position)
            one["Resource"] = ["*"]
            probes = tuple(Call(call.action, ELSEWHERE, {**call.context, **satisfying}) for call in examples)
            yield Mutation("on every resource", statement["Sid"], changed, probes)
        for operator, keys in statement.get("Condition", {}).items():
            for name in keys:
                changed, one = _changed(policies, key, position)
                del one["Condition"][operator][name]
                other = {**satisfying, name.lower(): (OTHER,)}
                probes = tuple(Call(call.action, _instance(statement), {**call.context, **other}) for call in examples)
                yield Mutation(f"without {operator} {name}", statement["Sid"], changed, probes)


def _example(action: str, statement: Policy, calls: list[Call]) -> Call:
    """A recorded call of the action, or one that the statement allows."""
    allowed = Call(action, _instance(statement), _satisfying(statement))
    return next((call for call in calls if call.action == action), allowed)


def _instance(statement: Policy) -> str:
    """A resource that the statement covers."""
    return (
        str(listed(statement["Resource"])[0]).replace("??????", "abcdef").replace("*", "x")
        if listed(statement["Resource"]) != ["*"]
        else "*"
    )


def _satisfying(statement: Policy) -> dict[str, tuple[str, ...]]:
    """A context that meets the statement's conditions: equalities, patterns, and keys that must be absent (`Null`)."""
    return {
        name.lower(): (str(listed(values)[0]).replace("*", "x"),)
        for operator, keys in statement.get("Condition", {}).items()
        if operator != "Null"
        for name, values in keys.items()
    }


def noticed(mutation: Mutation, calls: list[Call]) -> bool:
    """Whether a call that the policies allowed is refused after the change."""
    return any(not may(mutation.policies, call) for call in calls)


def told(mutation: Mutation, policies: dict[str, Policy]) -> bool:
    """Whether a probe is refused before the widening and allowed after it."""
    return any(not may(policies, probe) and may(mutation.policies, probe) for probe in mutation.probes)
