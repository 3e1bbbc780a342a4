"""On which networks, groups and addresses a call of EC2 acts, told by the ids that it carries.

A call that makes something is asked for the new thing, with the tags that it is to get, and for each thing that exists
and that it is made in. Source:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

import re

from modelway_local.iam.requests import Operation
from modelway_local.sagemaker.resources import ACCOUNT, REGION

# An association is no resource: what is associated is, which facts.py looks up.
ASSOCIATION = "association"
# How an id begins to the kind of resource in an ARN.
KINDS = {
    "eipalloc": "elastic-ip",
    "eipassoc": ASSOCIATION,
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "rtb": "route-table",
    "rtbassoc": ASSOCIATION,
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
# What a call makes.
NEW = {
    "AllocateAddress": "elastic-ip",
    "AuthorizeSecurityGroupEgress": "security-group-rule",
    "AuthorizeSecurityGroupIngress": "security-group-rule",
    "CreateFlowLogs": "vpc-flow-log",
    "CreateInternetGateway": "internet-gateway",
    "CreateNatGateway": "natgateway",
    "CreateNetworkInterface": "network-interface",
    "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group",
    "CreateSubnet": "subnet",
    "CreateVpc": "vpc",
    "CreateVpcEndpoint": "vpc-endpoint",
}
# A route's target is no resource of the call, its table is.
OF_A_TABLE = {"CreateRoute", "DeleteRoute", "ReplaceRoute"}
# Descriptions know no resource, but for this one.
DESCRIBED = {"DescribeVpcAttribute"}


def arn(kind: str, name: str = "*") -> str:
    """ARN of a thing of EC2's; of one that is not made yet without a name."""
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/{name}"


def of_id(identifier: str) -> str:
    """ARN of an id (`subnet-0a1b`); empty for what is none of these kinds."""
    match = re.fullmatch(r"([a-z]+)-[0-9a-f]+", identifier)
    return arn(KINDS[match[1]], identifier) if match and match[1] in KINDS else ""


def resources(operation: Operation) -> list[str]:
    """ARNs, each of which must be allowed."""
    name = operation.name
    if name.startswith("Describe") and name not in DESCRIBED:
        return []
    new = [arn(NEW[name])] if name in NEW else []
    given = [str(value) for key, value in operation.parameters.items() if not _is_aside(name, key)]
    return [*new, *dict.fromkeys(found for value in given if (found := of_id(value)))]


def _is_aside(name: str, member: str) -> bool:
    """Whether a member names what the call speaks of and does not act on."""
    if name in OF_A_TABLE:
        return member != "RouteTableId"
    return "Tag" in member or ".Groups." in member or "UserIdGroupPairs" in member or member.startswith("Filter")
