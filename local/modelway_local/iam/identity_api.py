"""The operations of STS and IAM that answer from the keys and the evaluator here: moto knows neither."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Answer, Request
from modelway_local.iam import requests
from modelway_local.iam.conditions import holds
from modelway_local.iam.credentials import SESSION_SECONDS, Credentials, Keyring, new
from modelway_local.iam.evaluation import Call, Policy, Principal, decide, deciding
from modelway_local.iam.policies import ACCOUNT_ROOT, OWNING, Policies, session_arn
from modelway_local.iam.refusals import Refusal, Refused
from modelway_local.iam.requests import Operation
from modelway_local.sagemaker.resources import ACCOUNT

STS = "https://sts.amazonaws.com/doc/2011-06-15/"
IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
NEW_KEY = re.compile(r"<AccessKeyId>(\w+)</AccessKeyId>.*?<SecretAccessKey>([^<]+)</SecretAccessKey>", re.DOTALL)
USER = re.compile(r"<UserName>([^<]+)</UserName>")


class IdentityApi:
    """GetCallerIdentity, AssumeRole and the two simulations."""

    def __init__(self, keyring: Keyring, policies: Policies) -> None:
        self._keyring, self._policies = keyring, policies

    def handle(self, request: Request, body: bytes, credentials: Credentials) -> Answer | None:
        """The answer to one of its operations; None for all others. Raises AwsError."""
        if request.service not in ("sts", "iam") or (operation := requests.operation(request, body)) is None:
            return None
        if operation.name == "GetCallerIdentity":
            return _answer(STS, operation.name, _caller(self._policies, credentials))
        if operation.name == "AssumeRole":
            return self._assume(request, operation, credentials)
        if operation.name.startswith("AssumeRoleWith"):
            raise AwsError(
                "InvalidIdentityToken", "the loopback has no identity provider whose tokens it could check", 400
            )
        if operation.name == "SimulatePrincipalPolicy":
            return _answer(IAM, operation.name, self._simulate(operation, *self._subject(operation)))
        if operation.name == "SimulateCustomPolicy":
            return _answer(IAM, operation.name, self._simulate(operation, _inputs(operation, "PolicyInputList"), None))
        return None

    def note(self, request: Request, body: bytes, answer: bytes) -> None:
        """Learn the keys that moto gave to a user, and forget those that it deleted."""
        operation = requests.operation(request, body) if request.service == "iam" else None
        if operation is None:
            return
        text = answer.decode(errors="replace")
        if operation.name == "CreateAccessKey" and (found := NEW_KEY.search(text)):
            name = operation.text("UserName") or (USER.search(text) or [""])[1]
            self._keyring.add(Credentials(f"user {name}", found[1], found[2], user_name=name))
        elif operation.name == "DeleteAccessKey":
            self._keyring.forget(operation.text("AccessKeyId"))

    def _assume(self, request: Request, operation: Operation, credentials: Credentials) -> Answer:
        """Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
        arn = operation.text("RoleArn")
        role = self._policies.identity(arn)
        caller = self._policies.principal(credentials) if credentials.role_arn or credentials.user_name else None
        call = Call("sts:AssumeRole", arn, {"aws:sourceaccount": (ACCOUNT,)})
        trust = None if role is None else role.trust
        decision = decide(call, caller or OWNING, trust, strict=True)
        if trust is None or not decision.allowed:
            who = (caller or OWNING).arn
            reason = decision.reason or "because no resource-based policy allows the sts:AssumeRole action"
            said = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn} {reason}"
            raise Refusal(Refused.NOT_ALLOWED, request, said)
        seconds = float(operation.text("DurationSeconds") or SESSION_SECONDS)
        name = operation.text("RoleSessionName")
        session = self._keyring.add(new(f"session {name}", role_arn=arn, session_name=name, seconds=seconds))
        document = {
            "Credentials": {
                "AccessKeyId": session.access_key_id,
                "SecretAccessKey": session.secret_access_key,
                "SessionToken": session.session_token,
                "Expiration": datetime.fromtimestamp(session.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "AssumedRoleUser": {"AssumedRoleId": f"AROALOCAL:{name}", "Arn": session_arn(session)},
        }
        return _answer(STS, "AssumeRole", document)

    def _subject(self, operation: Operation) -> tuple[dict[str, Policy], Policy | None]:
        identity = self._policies.identity(operation.text("PolicySourceArn"))
        if identity is None:
            raise AwsError("NoSuchEntity", f"{operation.text('PolicySourceArn')} cannot be found.", 404)
        return dict(identity.policies) | _inputs(operation, "PolicyInputList"), identity.boundary

    def _simulate(self, operation: Operation, policies: dict[str, Policy], boundary: Policy | None) -> dict[str, Any]:
        """Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html"""
        context = _context(operation)
        bound = _inputs(operation, "PermissionsBoundaryPolicyInputList")
        resource_policy = _document(operation.text("ResourcePolicy")) if operation.text("ResourcePolicy") else None
        caller = operation.text("CallerArn", "PolicySourceArn") or f"arn:aws:iam::{ACCOUNT}:user/simulated"
        principal = Principal(caller, ACCOUNT, "", policies, next(iter(bound.values()), boundary))
        results = []
        for action in _members(operation, "ActionNames"):
            for resource in _members(operation, "ResourceArns") or ["*"]:
                call = Call(action, resource, context)
                decision = decide(call, principal, resource_policy)
                matched = deciding(policies, call, "Allow" if decision.allowed else "Deny")
                results.append(
                    {
                        "EvalActionName": action,
                        "EvalResourceName": resource,
                        "EvalDecision": decision.verdict.value,
                        "MatchedStatements": [{"SourcePolicyId": name} for name, _ in matched],
                        "MissingContextValues": [],
                    }
                )
        return {"EvaluationResults": results, "IsTruncated": "false"}


def _caller(policies: Policies, credentials: Credentials) -> dict[str, Any]:
    """Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    if credentials.role_arn:
        role = policies.identity(credentials.role_arn)
        identifier = f"{role.unique_id if role else 'AROALOCAL'}:{credentials.session_name}"
        return {"Arn": session_arn(credentials), "UserId": identifier, "Account": ACCOUNT}
    if credentials.user_name:
        user = policies.account().users.get(credentials.user_name)
        arn = user.arn if user else f"arn:aws:iam::{ACCOUNT}:user/{credentials.user_name}"
        return {"Arn": arn, "UserId": user.unique_id if user else "", "Account": ACCOUNT}
    return {"Arn": ACCOUNT_ROOT, "UserId": ACCOUNT, "Account": ACCOUNT}


def _members(operation: Operation, name: str) -> list[str]:
    found = [
        (int(match[1]), str(value))
        for key, value in operation.parameters.items()
        if (match := re.fullmatch(rf"{name}\.member\.(\d+)", key))
    ]
    return [value for _, value in sorted(found)]


def _inputs(operation: Operation, name: str) -> dict[str, Policy]:
    return {f"{name}.{number}": _document(text) for number, text in enumerate(_members(operation, name), start=1)}


def _document(text: str) -> Policy:
    try:
        policy: Policy = json.loads(text)
        for statement in policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]:
            holds(statement.get("Condition", {}), {})
    except (ValueError, KeyError, TypeError) as error:
        raise AwsError("InvalidInput", f"the policy cannot be read: {error}", 400) from error
    return policy


def _context(operation: Operation) -> Mapping[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {}
    for key, name in operation.parameters.items():
        if match := re.fullmatch(r"(ContextEntries\.member\.\d+)\.ContextKeyName", key):
            context[str(name).lower()] = tuple(_members(operation, re.escape(f"{match[1]}.ContextKeyValues")))
    return context


def _answer(namespace: str, operation: str, result: dict[str, Any]) -> Answer:
    request_id = f"local-{time.time_ns()}"
    body = (
        f'<{operation}Response xmlns="{namespace}"><{operation}Result>{_xml(result)}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return 200, {"Content-Type": "text/xml"}, body.encode()


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(one)}</{name}>" for name, one in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(one)}</member>" for one in value)
    return escape(str(value))
