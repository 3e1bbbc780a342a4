"""A role that SageMaker cannot assume is refused, by moto's own IAM."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import boto3
import pytest
from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Body, Request
from modelway_local.gateway_gaps.execution_roles import ExecutionRoles
from moto import mock_aws

ACCOUNT = "arn:aws:iam::123456789012:role"


@pytest.fixture
def roles() -> Iterator[ExecutionRoles]:
    """`jobs` trusts SageMaker, `functions` trusts Lambda."""
    with mock_aws():
        made = ExecutionRoles("https://iam.amazonaws.com")
        iam = boto3.client("iam")
        for name, service in (("jobs", "sagemaker"), ("functions", "lambda")):
            trust = {
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
            document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        yield made


def require(roles: ExecutionRoles, operation: str, **members: str) -> None:
    headers = {"x-amz-target": f"SageMaker.{operation}"}
    roles.require(Request("POST", "/", headers, [], Body(io.BytesIO(), 0)), json.dumps(members).encode())


def test_a_role_that_trusts_sagemaker_passes(roles: ExecutionRoles) -> None:
    require(roles, "CreateTrainingJob", RoleArn=f"{ACCOUNT}/jobs")
    require(roles, "CreateModel", ExecutionRoleArn=f"{ACCOUNT}/jobs")


@pytest.mark.parametrize("name", ["nobody", "functions"])
@pytest.mark.parametrize("operation", ["CreateTrainingJob", "CreateProcessingJob"])
def test_all_others_are_refused(roles: ExecutionRoles, operation: str, name: str) -> None:
    with pytest.raises(AwsError, match=f"Could not assume role {ACCOUNT}/{name}") as raised:
        require(roles, operation, RoleArn=f"{ACCOUNT}/{name}")
    assert raised.value.code == "ValidationException"


def test_what_names_no_role_is_not_asked_for_one(roles: ExecutionRoles) -> None:
    require(roles, "DescribeTrainingJob", TrainingJobName="j")
    require(roles, "CreateModel", ModelName="m")
