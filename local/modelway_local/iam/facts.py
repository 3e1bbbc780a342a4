"""What the account itself says of a call's resource: its tags, a key's aliases, a role's boundary.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (aws:ResourceTag),
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html (kms:ResourceAliases),
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
(iam:PermissionsBoundary)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from modelway_local.iam import networking, resources
from modelway_local.iam.evaluation import Call
from modelway_local.iam.policies import Policies

Context = dict[str, tuple[str, ...]]


class Facts:
    """Looks resources up in moto; what it found holds until a request may have changed it."""

    def __init__(self, policies: Policies, client: Callable[[str], Any]) -> None:
        """`client` gives a client of moto's by the service's name."""
        self._policies, self._client = policies, client

    def resolved(self, call: Call) -> Call:
        """The call on what it is really on: a key behind its alias, a table or an address behind its association.

        What makes and deletes an alias is on the alias itself. Source:
        https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html
        """
        service, _, rest = call.resource.removeprefix("arn:aws:").partition(":")
        name = rest.partition("/")[2]
        try:
            if service == "kms" and (resources.BEHIND in rest or (":alias/" in rest and "Alias" not in call.action)):
                key = self._client("kms").describe_key(KeyId=f"alias/{rest.partition('alias/')[2]}")["KeyMetadata"]
                return replace(call, resource=key["Arn"])
            if service == "ec2" and f":{networking.ASSOCIATION}/" in rest:
                return replace(call, resource=self._associated(name))
        except (ClientError, LookupError):
            pass  # there is no such thing
        return call

    def _associated(self, association: str) -> str:
        """ARN of the route table or address of an association. Raises LookupError, ClientError."""
        ec2 = self._client("ec2")
        if association.startswith("eipassoc-"):
            found = ec2.describe_addresses(Filters=[{"Name": "association-id", "Values": [association]}])
            return networking.of_id(found["Addresses"][0]["AllocationId"])
        named = [{"Name": "association.route-table-association-id", "Values": [association]}]
        return networking.of_id(ec2.describe_route_tables(Filters=named)["RouteTables"][0]["RouteTableId"])

    def of(self, call: Call) -> Context:
        """Condition keys of the resource; nothing for one that does not exist yet, or has none."""
        parts = call.resource.split(":", 5)
        if len(parts) < 6 or call.resource.endswith("*"):
            return {}
        service, name = parts[2], parts[5].partition("/")[2]
        try:
            if service == "ec2":
                return self._policies.remembered("ec2", f"tags of {name}", lambda: self._network(name))
            if service == "kms" and parts[5].startswith("key/"):
                return self._policies.remembered("kms", f"tags of {name}", lambda: self._key(name))
        except ClientError:
            return {}  # there is no such resource
        if service == "iam" and parts[5].startswith("role/"):
            role = self._policies.identity(call.resource)
            return {"iam:permissionsboundary": (role.boundary_arn,)} if role and role.boundary_arn else {}
        return {}

    def _network(self, identifier: str) -> Context:
        found = self._client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [identifier]}])
        return _tags({tag["Key"]: tag["Value"] for tag in found["Tags"]})

    def _key(self, identifier: str) -> Context:
        kms = self._client("kms")
        tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=identifier)["Tags"]}
        aliases = tuple(one["AliasName"] for one in kms.list_aliases(KeyId=identifier)["Aliases"])
        return _tags(tags) | ({"kms:resourcealiases": aliases} if aliases else {})


def _tags(tags: dict[str, str]) -> Context:
    return {f"aws:resourcetag/{key}".lower(): (value,) for key, value in tags.items()}
