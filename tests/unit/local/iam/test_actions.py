"""Which actions, resources and conditions a request needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from modelway_local.gateway.exchange import Request
from modelway_local.iam import actions
from modelway_local.iam.credentials import Keyring

from tests.unit.local.gateway_gaps.test_gaps import request
from tests.unit.local.iam.test_signature import sent as signed

ROLE = "arn:aws:iam::123456789012:role/jobs"
SAGEMAKER = "arn:aws:sagemaker:eu-west-1:123456789012"
PASS = ("iam:PassRole", ROLE)
CASES: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = [
    ("s3", "get_object", {"Bucket": "b", "Key": "k/x"}, [("s3:GetObject", "arn:aws:s3:::b/k/x")]),
    ("s3", "list_objects_v2", {"Bucket": "b", "Prefix": "k/"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
    (
        *(
            "s3",
            "delete_objects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}, {"Key": "l", "VersionId": "1"}]}},
        ),
        [("s3:DeleteObject", "arn:aws:s3:::b/k"), ("s3:DeleteObjectVersion", "arn:aws:s3:::b/l")],
    ),
    (
        *("s3", "copy_object", {"Bucket": "b", "Key": "k", "CopySource": "c/x"}),
        [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::c/x")],
    ),
    (
        *("sagemaker", "create_endpoint", {"EndpointName": "e", "EndpointConfigName": "c"}),
        [
            ("sagemaker:CreateEndpoint", f"{SAGEMAKER}:endpoint/e"),
            ("sagemaker:CreateEndpoint", f"{SAGEMAKER}:endpoint-config/c"),
        ],
    ),
    (
        *(
            "sagemaker",
            "create_model",
            {"ModelName": "m", "ExecutionRoleArn": ROLE, "Tags": [{"Key": "a", "Value": "b"}]},
        ),
        [("sagemaker:CreateModel", f"{SAGEMAKER}:model/m"), ("sagemaker:AddTags", f"{SAGEMAKER}:model/m"), PASS],
    ),
    ("sagemaker", "list_endpoints", {}, [("sagemaker:ListEndpoints", "*")]),
    (
        *("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b""}),
        [("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/e")],
    ),
    (
        *("lambda", "invoke", {"FunctionName": "f", "Qualifier": "live"}),
        [("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:123456789012:function:f:live")],
    ),
    (
        *(
            "logs",
            "put_log_events",
            {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]},
        ),
        [("logs:PutLogEvents", "arn:aws:logs:eu-west-1:123456789012:log-group:g:log-stream:s")],
    ),
    ("sts", "get_caller_identity", {}, []),
    ("iam", "get_role", {"RoleName": "r"}, [("iam:GetRole", "arn:aws:iam::123456789012:role/r")]),
]


@pytest.mark.parametrize(("service", "operation", "arguments", "wanted"), CASES, ids=[one[1] for one in CASES])
def test_each_request_is_its_actions(
    tmp_path: Path, service: str, operation: str, arguments: dict[str, Any], wanted: list[tuple[str, str]]
) -> None:
    asked = signed(Keyring(tmp_path).of(), service, operation, **arguments)
    body = asked.body.read()
    found = [(call.action, call.resource) for need in actions.needs(asked, body) for call in need.any_of]
    assert found == wanted


def test_a_role_is_handed_to_a_service_by_name(tmp_path: Path) -> None:
    asked = signed(Keyring(tmp_path).of(), "sagemaker", "create_model", ModelName="m", ExecutionRoleArn=ROLE)
    [passed] = [need.any_of[0] for need in actions.needs(asked, asked.body.read())][1:]
    assert passed.context["iam:passedtoservice"] == ("sagemaker.amazonaws.com",)


def test_one_of_airflows_roles_is_enough(tmp_path: Path) -> None:
    arguments = {"Name": "modelway-local", "Method": "GET", "Path": "/version"}
    asked = signed(Keyring(tmp_path).of(), "mwaa", "invoke_rest_api", **arguments)
    [need] = actions.needs(asked, asked.body.read())
    assert {call.resource.rpartition("/")[2] for call in need.any_of} >= {"Admin", "User", "Public"}


@pytest.mark.parametrize(
    ("sent", "form", "named"),
    [
        (request("GET", "/b?versioning", "s3"), "", "s3:GetBucketVersioning"),
        (request("DELETE", "/b?lifecycle", "s3"), "", "s3:PutLifecycleConfiguration"),
        (request("HEAD", "/b", "s3"), "", "s3:ListBucket"),
        (request("PUT", "/b", "s3"), "", "s3:CreateBucket"),
        (request("HEAD", "/b/k", "s3"), "", "s3:GetObject"),
        (request("GET", "/b/k?versionId=1", "s3"), "", "s3:GetObjectVersion"),
        (request("POST", "/", "iam", content_type="application/x-www-form-urlencoded"), "Action=CreateRole",
         "iam:CreateRole"),
        (request("POST", "/", "monitoring", x_amz_target="GraniteServiceVersion20100801.PutDashboard"), "{}",
         "cloudwatch:PutDashboard"),
        (request("POST", "/2015-03-31/functions/f/invocations", "lambda"), "", "lambda:InvokeFunction"),
        (request("POST", "/restapi/e", "airflow"), "", "airflow:InvokeRestApi"),
        (request("POST", "/endpoints/e/invocations", "sagemaker"), "", "sagemaker:InvokeEndpoint"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_request_is_told_by_its_iam_action(sent: Request, form: str, named: str) -> None:
    found = [call.action for need in actions.needs(sent, form.encode()) for call in need.any_of]
    assert set(found) == {named}
