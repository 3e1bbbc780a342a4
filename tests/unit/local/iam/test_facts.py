"""What a call is really on, and what the account says of it, against moto."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from modelway_local.iam.actions import of
from modelway_local.iam.evaluation import Call
from modelway_local.iam.facts import Facts
from modelway_local.iam.policies import Policies
from modelway_local.iam.requests import Operation
from moto import mock_aws

ALIAS = "alias/modelway-local-signing"


@pytest.fixture
def kms() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("kms")


@pytest.fixture
def policies(tmp_path: Path) -> Policies:
    return Policies(tmp_path, "http://127.0.0.1:9")


@pytest.fixture
def facts(policies: Policies, kms: Any) -> Facts:
    return Facts(policies, boto3.client)


def test_an_alias_stands_for_its_key_and_is_deleted_on_both(facts: Facts, kms: Any) -> None:
    key = kms.create_key(Tags=[{"TagKey": "modelway:project", "TagValue": "modelway"}])["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=ALIAS, TargetKeyId=key)

    signed = [facts.resolved(need.any_of[0]).resource for need in of(Operation("kms", "Sign", {"KeyId": ALIAS}))]
    gone = [facts.resolved(need.any_of[0]) for need in of(Operation("kms", "DeleteAlias", {"AliasName": ALIAS}))]

    assert signed == [key]
    assert [call.resource for call in gone] == [key, f"arn:aws:kms:eu-west-1:123456789012:{ALIAS}"]
    assert facts.of(gone[0]) == {"aws:resourcetag/modelway:project": ("modelway",), "kms:resourcealiases": (ALIAS,)}


def test_a_network_is_told_by_its_tags_and_an_association_by_its_table(facts: Facts) -> None:
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_tags(Resources=[table], Tags=[{"Key": "a", "Value": "b"}])
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]

    [need] = of(Operation("ec2", "DisassociateRouteTable", {"AssociationId": association}))
    call = facts.resolved(need.any_of[0])

    assert call.resource == f"arn:aws:ec2:eu-west-1:123456789012:route-table/{table}"
    assert facts.of(call) == {"aws:resourcetag/a": ("b",)}
    assert facts.of(Call("ec2:DeleteVpc", "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-00")) == {}


@pytest.mark.parametrize(("operation", "known"), [("TagResource", "new"), ("DescribeKey", "old")])
def test_tags_are_read_again_once_a_request_may_have_changed_them(
    facts: Facts, policies: Policies, kms: Any, operation: str, known: str
) -> None:
    key = kms.create_key(Tags=[{"TagKey": "a", "TagValue": "old"}])["KeyMetadata"]
    call = Call("kms:Decrypt", key["Arn"])
    assert facts.of(call) == {"aws:resourcetag/a": ("old",)}
    kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "a", "TagValue": "new"}])
    policies.changed("kms", operation)
    assert facts.of(call) == {"aws:resourcetag/a": (known,)}
