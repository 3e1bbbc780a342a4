"""IAM's policy evaluation within one account.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from modelway_local.iam.conditions import Context, holds, listed, matches, matches_arn, plain, substitute

Policy = Mapping[str, Any]


class Verdict(StrEnum):
    """What one policy, or all of them, say of a call."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


@dataclass(frozen=True)
class Call:
    """One action on one resource, as IAM sees it."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True)
class Principal:
    """Who calls: a role's session, a user, or a service of AWS (`arn` is then its name, sagemaker.amazonaws.com)."""

    arn: str
    account: str = ""
    role_arn: str = ""
    # Name to policy: what the role or user has inline, attached, and through its groups.
    identity: Mapping[str, Policy] = field(default_factory=dict)
    boundary: Policy | None = None
    # An identity provider's ARN or host when a web identity asks for a role.
    federated: str = ""


@dataclass(frozen=True)
class Decision:
    """`reason` is the end of AWS's sentence about a refusal."""

    verdict: Verdict
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the call may go on."""
        return self.verdict is Verdict.ALLOWED


def decide(
    call: Call, principal: Principal, resource_policy: Policy | None = None, *, strict: bool = False
) -> Decision:
    """What AWS decides; `strict`: the resource's policy must allow, as for KMS keys and the trust in a role.

    A key's policy that names the account leaves the decision to the account's identity policies.
    """
    identity = _combined(principal.identity.values(), call)
    boundary = _policy(principal.boundary, call) if principal.boundary is not None else Verdict.ALLOWED
    resource = _resource(resource_policy, call, principal)
    for verdict, what in (
        (identity, "an identity-based policy"),
        (boundary, "a permissions boundary"),
        (resource.verdict, "a resource-based policy"),
    ):
        if verdict is Verdict.EXPLICIT_DENY:
            return Decision(Verdict.EXPLICIT_DENY, f"with an explicit deny in {what}")
    if resource.verdict is Verdict.ALLOWED and (resource.directly or boundary is Verdict.ALLOWED):
        return Decision(Verdict.ALLOWED)
    if strict and not (resource.verdict is Verdict.ALLOWED or resource.delegates):
        return _no("resource-based policy", call)
    if identity is not Verdict.ALLOWED:
        return _no("identity-based policy", call)
    if boundary is not Verdict.ALLOWED:
        return _no("permissions boundary", call)
    return Decision(Verdict.ALLOWED)


def _no(kind: str, call: Call) -> Decision:
    return Decision(Verdict.IMPLICIT_DENY, f"because no {kind} allows the {call.action} action")


@dataclass(frozen=True)
class _Resource:
    verdict: Verdict
    # The policy names this very session, user or service, so that a boundary does not bound it.
    directly: bool = False
    # It names the account: the account's identity policies decide.
    delegates: bool = False


def _resource(policy: Policy | None, call: Call, principal: Principal) -> _Resource:
    if policy is None:
        return _Resource(Verdict.IMPLICIT_DENY)
    said = [one for one in listed(policy["Statement"]) if _names(one, principal) and _applies(one, call)]
    if any(one["Effect"] == "Deny" for one in said):
        return _Resource(Verdict.EXPLICIT_DENY)
    grants = [_named(one, principal) for one in said]
    granted = any(kind in ("self", "role") for kind in grants)
    return _Resource(
        Verdict.ALLOWED if granted else Verdict.IMPLICIT_DENY, directly="self" in grants, delegates="account" in grants
    )


def _names(statement: Policy, principal: Principal) -> bool:
    if "NotPrincipal" in statement:
        return not _named({"Principal": statement["NotPrincipal"]}, principal)
    return bool(_named(statement, principal))


def _named(statement: Policy, principal: Principal) -> str:
    """How a statement's Principal names the caller: self, role, account; empty when it does not."""
    wanted = statement.get("Principal", {})
    if "NotPrincipal" in statement or wanted == "*":
        return "self"
    names = {kind: [str(one) for one in listed(value)] for kind, value in wanted.items()}
    if principal.arn in names.get("Service", ()) or (principal.federated in names.get("Federated", ())):
        return "self"
    if "*" in names.get("AWS", ()) or principal.arn in names.get("AWS", ()):
        return "self"
    if principal.role_arn and principal.role_arn in names.get("AWS", ()):
        return "role"
    root = f"arn:aws:iam::{principal.account}:root"
    return "account" if principal.account and {root, principal.account} & set(names.get("AWS", ())) else ""


def _combined(policies: Iterable[Policy], call: Call) -> Verdict:
    verdicts = [_policy(policy, call) for policy in policies]
    for verdict in (Verdict.EXPLICIT_DENY, Verdict.ALLOWED):
        if verdict in verdicts:
            return verdict
    return Verdict.IMPLICIT_DENY


def _policy(policy: Policy | None, call: Call) -> Verdict:
    said = {one["Effect"] for one in listed((policy or {}).get("Statement", [])) if _applies(one, call)}
    if "Deny" in said:
        return Verdict.EXPLICIT_DENY
    return Verdict.ALLOWED if "Allow" in said else Verdict.IMPLICIT_DENY


def deciding(policies: Mapping[str, Policy], call: Call, effect: str = "Allow") -> list[tuple[str, int]]:
    """Which statements of which policies say `effect` of a call: (policy's name, position)."""
    return [
        (name, position)
        for name, policy in policies.items()
        for position, one in enumerate(listed(policy["Statement"]))
        if one["Effect"] == effect and _applies(one, call)
    ]


def _applies(statement: Policy, call: Call) -> bool:
    return (
        _acts(statement, call.action) and _on(statement, call) and holds(statement.get("Condition", {}), call.context)
    )


def _acts(statement: Policy, action: str) -> bool:
    if "NotAction" in statement:
        return not _any_action(tuple(listed(statement["NotAction"])), action)
    return _any_action(tuple(listed(statement["Action"])), action)


@cache
def _any_action(globs: Sequence[str], action: str) -> bool:
    return any(matches(glob.lower(), action.lower()) for glob in globs)


def _on(statement: Policy, call: Call) -> bool:
    """A trust policy has no Resource: it is about its role."""
    if "NotResource" in statement:
        return not _any_resource(listed(statement["NotResource"]), call)
    return "Resource" not in statement or _any_resource(listed(statement["Resource"]), call)


def _any_resource(globs: Iterable[str], call: Call) -> bool:
    filled = (substitute(glob, call.context) for glob in globs)
    return any(text is not None and _fits(text, call.resource) for text in filled)


def _fits(glob: str, resource: str) -> bool:
    """A call that knows no resource is on `*`, which `*` alone covers."""
    return plain(glob) == "*" if resource == "*" else matches_arn(glob, resource)
