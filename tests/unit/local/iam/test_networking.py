"""On which things of EC2's a call acts."""

from __future__ import annotations

import pytest
from modelway_local.iam.networking import resources
from modelway_local.iam.requests import Operation

ARN = "arn:aws:ec2:eu-west-1:123456789012:"


@pytest.mark.parametrize(
    ("name", "parameters", "found"),
    [
        ("DescribeVpcs", {"VpcId.1": "vpc-0a"}, []),
        ("DescribeVpcAttribute", {"VpcId": "vpc-0a", "Attribute": "enableDnsSupport"}, ["vpc/vpc-0a"]),
        ("CreateVpc", {"CidrBlock": "10.0.0.0/16"}, ["vpc/*"]),
        ("CreateSubnet", {"VpcId": "vpc-0a"}, ["subnet/*", "vpc/vpc-0a"]),
        ("AllocateAddress", {"Domain": "vpc"}, ["elastic-ip/*"]),
        ("CreateRoute", {"RouteTableId": "rtb-0b", "GatewayId": "igw-0c"}, ["route-table/rtb-0b"]),
        (
            "AttachInternetGateway",
            {"InternetGatewayId": "igw-0c", "VpcId": "vpc-0a"},
            ["internet-gateway/igw-0c", "vpc/vpc-0a"],
        ),
        ("DisassociateRouteTable", {"AssociationId": "rtbassoc-0d"}, ["association/rtbassoc-0d"]),
        (
            "AuthorizeSecurityGroupIngress",
            {"GroupId": "sg-0e", "IpPermissions.1.Groups.1.GroupId": "sg-0f"},
            ["security-group-rule/*", "security-group/sg-0e"],
        ),
        ("CreateTags", {"ResourceId.1": "vpc-0a", "Tag.1.Key": "k", "Tag.1.Value": "sg-0e"}, ["vpc/vpc-0a"]),
    ],
)
def test_each_thing_that_a_call_touches(name: str, parameters: dict[str, str], found: list[str]) -> None:
    assert resources(Operation("ec2", name, parameters)) == [f"{ARN}{rest}" for rest in found]
