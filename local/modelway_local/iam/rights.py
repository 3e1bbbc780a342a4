"""Whether who calls may: the roles that Terraform made, evaluated for each request.

Every call is noted with its verdict (recording.py), from which the tests replay it against changed policies.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from modelway_local.gateway.exchange import Request
from modelway_local.iam import actions, requests
from modelway_local.iam.actions import Need
from modelway_local.iam.credentials import Credentials
from modelway_local.iam.encryption import Encryption
from modelway_local.iam.evaluation import Call, Decision, Principal, Verdict, decide
from modelway_local.iam.facts import Facts
from modelway_local.iam.policies import ACCOUNT_ROOT, OWNING, Policies
from modelway_local.iam.recording import Recorder
from modelway_local.iam.refusals import Refusal, Refused
from modelway_local.sagemaker.resources import ACCOUNT, REGION

# A key's policy decides who uses it; other resources' policies add to what identities have.
STRICT = ("kms:",)


class Rights:
    """Evaluates requests."""

    def __init__(self, policies: Policies, recorder: Recorder, encryption: Encryption) -> None:
        self._policies, self._recorder, self._encryption = policies, recorder, encryption
        self._facts = Facts(policies, policies.client)

    def require(self, request: Request, body: bytes, credentials: Credentials) -> None:
        """Raises Refusal when the caller may not do all that the request needs."""
        if not credentials.role_arn and not credentials.user_name:
            return  # the account's owner
        base = _context(request.headers)
        needs = [*actions.needs(request, body), *self._encryption.needs(request, body)]
        principal = self._policies.principal(credentials)
        if principal is None or (credentials.role_arn and not self.trusted(credentials)):
            raise Refusal(Refused.UNKNOWN_KEY, request)
        for need in needs:
            self._require(need, principal, base, credentials, request)

    def allows(self, call: Call, credentials: Credentials) -> Decision:
        """The verdict on one call that a service makes with the role's rights."""
        if not credentials.role_arn:
            return Decision(Verdict.ALLOWED)
        principal = self._policies.principal(credentials)
        if principal is None or not self.trusted(credentials):
            return Decision(Verdict.IMPLICIT_DENY, f"because {credentials.role_arn} cannot be assumed")
        return self._decided(call, principal, {}, credentials)

    def trusted(self, credentials: Credentials) -> bool:
        """Whether the role's trust policy lets whoever assumed it do so."""
        role = self._policies.identity(credentials.role_arn)
        if role is None:
            return False
        if not credentials.assumed_by:
            return True
        federated = ":oidc-provider/" in credentials.assumed_by
        action = "sts:AssumeRoleWithWebIdentity" if federated else "sts:AssumeRole"
        claims = {name.lower(): (value,) for name, value in credentials.claims}
        context = {"aws:sourceaccount": (ACCOUNT,), **claims}
        caller = Principal("" if federated else credentials.assumed_by, federated=credentials.assumed_by)
        if credentials.assumed_by == ACCOUNT_ROOT:
            caller = OWNING
        return decide(Call(action, role.arn, context), caller, role.trust, strict=True).allowed

    def _require(
        self,
        need: Need,
        principal: Principal,
        base: Mapping[str, tuple[str, ...]],
        credentials: Credentials,
        request: Request,
    ) -> None:
        decisions = [self._decided(call, principal, base, credentials) for call in need.any_of]
        if any(one.allowed for one in decisions):
            return
        call, decision = need.any_of[0], decisions[0]
        said = f"User: {principal.arn} is not authorized to perform: {call.action}"
        on = f" on resource: {call.resource}" if call.resource != "*" else ""
        raise Refusal(Refused.NOT_ALLOWED, request, f"{said}{on} {decision.reason}")

    def _decided(
        self, call: Call, principal: Principal, base: Mapping[str, tuple[str, ...]], credentials: Credentials
    ) -> Decision:
        call = self._facts.resolved(call)
        own = {name.lower(): values for name, values in call.context.items()}
        full = Call(call.action, call.resource, {**_about(principal), **base, **self._facts.of(call), **own})
        policy = self._policies.of_resource(call)
        strict = call.action.startswith(STRICT) and ":key/" in call.resource and policy is not None
        decision = decide(full, principal, policy, strict=strict)
        self._recorder.note(credentials.actor, principal, full, decision)
        return decision


def _context(headers: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What holds of every request. The loopback stands for TLS: nothing of it leaves the machine."""
    now = datetime.now(UTC)
    return {
        "aws:securetransport": ("true",),
        "aws:sourceip": ("127.0.0.1",),
        "aws:requestedregion": (REGION,),
        "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(time.time())),),
        "aws:useragent": (headers.get("user-agent", ""),),
    }


def _about(principal: Principal) -> dict[str, tuple[str, ...]]:
    """Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""
    name = principal.arn.rpartition("/")[2]
    about: dict[str, tuple[str, ...]] = {
        "aws:principalarn": (principal.role_arn or principal.arn,),
        "aws:principalaccount": (principal.account,),
        "aws:principaltype": ("AssumedRole" if principal.role_arn else "User",),
        "aws:principalisawsservice": ("false",),
        "aws:resourceaccount": (ACCOUNT,),
    }
    return about if principal.role_arn else {**about, "aws:username": (name,)}


def changed(policies: Policies, request: Request, body: bytes) -> None:
    """Tell the policies what was asked, once it is answered."""
    operation = requests.operation(request, body)
    if operation is not None:
        policies.changed(request.service, operation.name)
