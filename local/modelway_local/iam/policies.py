"""Policies as they are in the account, read from moto and kept until something changes them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from modelway_local.gateway.moto_proxy import client
from modelway_local.gateway_gaps.state import Documents
from modelway_local.iam.credentials import Credentials
from modelway_local.iam.evaluation import Call, Policy, Principal
from modelway_local.registry.store import RegistryStore
from modelway_local.sagemaker.resources import ACCOUNT

KEY = "policy-reader"
T = TypeVar("T")
ACCOUNT_ROOT = f"arn:aws:iam::{ACCOUNT}:root"
# The account's owner, who may do all.
OWNING = Principal(
    ACCOUNT_ROOT, ACCOUNT, identity={"owner": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}
)
# By the start of their names IAM's own operations are told that change nothing.
READS = ("Get", "List", "Describe", "Simulate", "Generate", "Head")


@dataclass(frozen=True)
class Identity:
    """A role or a user with all of its policies; a user has no trust policy."""

    arn: str
    policies: Mapping[str, Policy]
    boundary: Policy | None = None
    trust: Policy | None = None
    unique_id: str = ""
    boundary_arn: str = ""


@dataclass
class Account:
    """The account's roles and users by name."""

    roles: dict[str, Identity] = field(default_factory=dict)
    users: dict[str, Identity] = field(default_factory=dict)


class Policies:
    """Identity policies and resource policies; `changed` drops what a request may have changed."""

    def __init__(self, home: Path, moto_url: str) -> None:
        self._moto_url = moto_url
        self._bucket_policies = Documents(home, "bucket-policies")
        self._repositories = RegistryStore(home)
        self._lock = threading.Lock()
        # Requests to a service that may have changed something, and what was read of it since the last one.
        self._changes: Counter[str] = Counter()
        self._known: dict[tuple[str, str], Any] = {}
        self._clients: dict[str, Any] = {}

    def changed(self, service: str, operation: str) -> None:
        """To be called after a request was answered."""
        if operation.startswith(READS):
            return
        with self._lock:
            self._changes[service] += 1
            for key in [key for key in self._known if key[0] == service]:
                del self._known[key]

    def remembered(self, service: str, name: str, read: Callable[[], T]) -> T:
        """What `read` gives, read again once a request may have changed something of the service."""
        with self._lock:
            if (service, name) in self._known:
                known: T = self._known[service, name]
                return known
            changes = self._changes[service]
        value = read()
        with self._lock:
            if self._changes[service] == changes:
                self._known[service, name] = value
        return value

    def account(self) -> Account:
        """All roles and users."""
        return self.remembered("iam", "account", self._read_account)

    def identity(self, arn: str) -> Identity | None:
        """The role or user of an ARN; None when there is none."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        account = self.account()
        return (account.roles if kind == "role" else account.users).get(name.rpartition("/")[2])

    def principal(self, credentials: Credentials) -> Principal | None:
        """Who is behind keys that are not the owner's; None when the role or user is gone."""
        if credentials.user_name:
            user = self.account().users.get(credentials.user_name)
            return Principal(user.arn, ACCOUNT, "", user.policies, user.boundary) if user else None
        role = self.identity(credentials.role_arn)
        if role is None:
            return None
        return Principal(session_arn(credentials), ACCOUNT, role.arn, role.policies, role.boundary)

    def of_resource(self, call: Call) -> Policy | None:
        """The policy of a call's resource, for the services whose resources have one."""
        parts = call.resource.split(":", 5)
        service = parts[2] if len(parts) == 6 else ""
        if service in ("s3", "ecr"):
            kind, _, name = parts[5].partition("/")
            text = self._bucket_policies.get(kind) if service == "s3" else self._repositories.policy(name)
            return json.loads(text) if text else None
        reader = _READERS.get(service)
        if reader is None or call.action.startswith(f"{service}:Create"):
            return None
        return self.remembered(
            service, f"policy of {call.resource}", lambda: self._read_resource(service, reader, parts[5], call.resource)
        )

    def _read_resource(
        self, service: str, read: Callable[[Any, str, str], str | None], rest: str, arn: str
    ) -> Policy | None:
        try:
            text = read(self.client(service), rest, arn)
        except ClientError:
            return None  # there is no such resource, or it has no policy
        policy: Policy | None = json.loads(text) if text else None
        return policy

    def client(self, service: str) -> Any:
        """A client of moto's, which nobody evaluates."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = client(self._moto_url, service, KEY)
            return self._clients[service]

    def _read_account(self) -> Account:
        wanted = ["User", "Role", "Group", "LocalManagedPolicy"]
        iam = self.client("iam")
        pages = list(iam.get_paginator("get_account_authorization_details").paginate(Filter=wanted))
        managed = {
            policy["Arn"]: version["Document"]
            for page in pages
            for policy in page["Policies"]
            for version in policy["PolicyVersionList"]
            if version["IsDefaultVersion"]
        }
        groups = {one["GroupName"]: one for page in pages for one in page["GroupDetailList"]}
        account = Account()
        for page in pages:
            for one in page["RoleDetailList"]:
                policies = self._all(one, "RolePolicyList", managed)
                boundary = self._boundary(one, managed)
                trust = one["AssumeRolePolicyDocument"]
                account.roles[one["RoleName"]] = Identity(
                    one["Arn"], policies, boundary, trust, one["RoleId"], _boundary_arn(one)
                )
            for one in page["UserDetailList"]:
                policies = self._all(one, "UserPolicyList", managed)
                for name in one.get("GroupList", ()):
                    policies |= self._all(groups.get(name, {}), "GroupPolicyList", managed)
                boundary = self._boundary(one, managed)
                account.users[one["UserName"]] = Identity(one["Arn"], policies, boundary, None, one["UserId"])
        return account

    def _all(self, entry: Mapping[str, Any], inline: str, managed: dict[str, Policy]) -> dict[str, Policy]:
        own = {one["PolicyName"]: one["PolicyDocument"] for one in entry.get(inline, ())}
        attached = [one["PolicyArn"] for one in entry.get("AttachedManagedPolicies", ())]
        return own | {arn: self._managed(arn, managed) for arn in attached}

    def _boundary(self, entry: Mapping[str, Any], managed: dict[str, Policy]) -> Policy | None:
        arn = _boundary_arn(entry)
        return self._managed(arn, managed) if arn else None

    def _managed(self, arn: str, managed: dict[str, Policy]) -> Policy:
        """A managed policy; one of AWS's own is looked up when it is met."""
        if arn not in managed:
            iam = self.client("iam")
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            managed[arn] = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        return managed[arn]


def _boundary_arn(entry: Mapping[str, Any]) -> str:
    return str((entry.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn") or "")


def session_arn(credentials: Credentials) -> str:
    """ARN of a role's session: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION."""
    role = credentials.role_arn.rpartition("/")[2]
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{credentials.session_name}"


_READERS: dict[str, Callable[[Any, str, str], str | None]] = {
    "sns": lambda sns, _, arn: sns.get_topic_attributes(TopicArn=arn)["Attributes"].get("Policy"),
    "kms": lambda kms, rest, arn: (
        kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"] if rest.startswith("key/") else None
    ),
    "secretsmanager": lambda secrets, rest, _: secrets.get_resource_policy(
        SecretId=rest.removeprefix("secret:").rpartition("-")[0]
    ).get("ResourcePolicy"),
    "lambda": lambda functions, rest, _: functions.get_policy(
        FunctionName=rest.removeprefix("function:").partition(":")[0]
    )["Policy"],
}
