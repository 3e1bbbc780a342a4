"""Who may do what, and why a role has an action that the gateway recorded of nobody.

Each reason stands for as long as it is true: a test fails when such an action is recorded after all, and when an
action is neither recorded nor named here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Policies = dict[str, dict[str, Any]]
INLINE = ("aws_iam_role_policy", "aws_iam_group_policy")

KEYS = "the loopback's S3, logs and topics do not encrypt"
PASSED = "the loopback asks nobody for the right to hand on a role"
TAGGED = "tags that a Create carries are recorded as that Create"
ALARMS = "Application Auto Scaling makes a policy's alarms with its caller's rights"
SERVICE_ROLE = "the first registration in an account makes Application Auto Scaling's own role"
LAMBDA = "Lambda does it with the function's role"
IN_PLACE = "only a change of what is there already asks for it"
PULLED = "the local registry speaks the registry's protocol, not ECR's API"
PUSHED = PULLED
FAILURE = "only a run that failed asks for it"

UNRECORDED: dict[str, dict[str, str]] = {
    "airflow": {
        "application-autoscaling:PutScalingPolicy": "the example's model.yaml sets no autoscaling",
        "application-autoscaling:RegisterScalableTarget": "the example's model.yaml sets no autoscaling",
        "cloudwatch:DeleteAlarms": ALARMS,
        "cloudwatch:DescribeAlarms": ALARMS,
        "cloudwatch:PutMetricAlarm": ALARMS,
        "iam:CreateServiceLinkedRole": SERVICE_ROLE,
        "iam:PassRole": PASSED,
        "kms:Decrypt": KEYS,
        "kms:GenerateDataKey": KEYS,
        "sagemaker:AddTags": TAGGED,
        "sagemaker:DescribeEndpointConfig": "only a second version, which has a champion, asks for it",
        "sagemaker:DescribeModel": "only a second version, which has a champion, asks for it",
        "sagemaker:UpdateEndpoint": "only a second version asks for it",
    },
    "trigger": {"logs:CreateLogStream": LAMBDA, "logs:PutLogEvents": LAMBDA, "sqs:SendMessage": LAMBDA},
}


def of_state(state: dict[str, Any]) -> Policies:
    """Every inline policy of `terraform show -json`, by its address."""
    found = [entry for entry in _resources(state["values"]["root_module"]) if entry["type"] in INLINE]
    return {entry["address"]: json.loads(entry["values"]["policy"]) for entry in found}


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)


def statements(policy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A policy's statements, with their actions as a list."""
    for statement in policy["Statement"]:
        actions = statement["Action"]
        yield {**statement, "Action": [actions] if isinstance(actions, str) else actions}


def allowed(policies: Policies, part: str) -> set[str]:
    """The actions that the policies whose address contains `part` allow."""
    chosen = [policy for address, policy in policies.items() if part in address]
    assert chosen, f"no policy {part} among {sorted(policies)}"
    granted = [one for policy in chosen for one in statements(policy) if one["Effect"] == "Allow"]
    return {action for one in granted for action in one["Action"]}
