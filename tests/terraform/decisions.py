"""What IAM decides on one call: enough of its rules for the policies of terraform/bootstrap.

An explicit denial wins; otherwise some statement must allow, and where there is a boundary, some statement of that too.
Operators that the policies do not use are an error, so that no condition is passed over.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

Policy = dict[str, Any]
Context = dict[str, str]


def allows(
    policies: Iterable[Policy], action: str, resource: str, context: Context, boundary: Policy | None = None
) -> bool:
    """Whether the policies, within the boundary, allow a call."""
    if _effect(policies, action, resource, context) != "Allow":
        return False
    return boundary is None or _effect([boundary], action, resource, context) == "Allow"


def trusts(policy: Policy, claims: Context) -> bool:
    """Whether a role's trust policy lets in who holds a token with these claims (GitLab's host before each)."""
    return any(_fits(one, claims) for one in policy["Statement"] if one["Effect"] == "Allow")


def _effect(policies: Iterable[Policy], action: str, resource: str, context: Context) -> str:
    effects = {
        one["Effect"]
        for policy in policies
        for one in policy["Statement"]
        if any(fnmatchcase(action.lower(), pattern.lower()) for pattern in _list(one["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in _list(one["Resource"]))
        and _fits(one, context)
    }
    return "Deny" if "Deny" in effects else "Allow" if effects else ""


def _fits(statement: dict[str, Any], context: Context) -> bool:
    return all(
        _holds(operator, context.get(key), _list(values))
        for operator, tests in statement.get("Condition", {}).items()
        for key, values in tests.items()
    )


def _holds(operator: str, value: str | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return wanted == [str(value is None).lower()]
    if operator in {"StringEquals", "ArnEquals", "Bool"}:  # the ARNs that are asked for have no wildcard
        return value in wanted
    raise NotImplementedError(operator)


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
