"""The pipeline on what Terraform made: a model trained, deployed, invoked and announced, and who called what for it.

What the gateway recorded is compared with the applied policies in both directions: each call is allowed to its role,
and an action that nothing calls is in `UNRECORDED`, with the reason, or has no business in the policy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modelway_local.runtime.server import free_port
from modelway_local.stack.layout import Stack, running
from modelway_local.stack.lifecycle import down

from tests.terraform.conftest import ROOT, Loopback, Terraform, initialise
from tests.terraform.stack_process import AIRFLOW_KEY
from tests.terraform.test_local import allowed, resources

pytestmark = [pytest.mark.terraform, pytest.mark.integration, pytest.mark.timeout(600)]
READY_SECONDS = 180.0
EXAMPLE = ROOT / "examples" / "breast-cancer"
TRIGGER = "modelway-local-trigger-dag"
# The loopback has one user at the keyboard, who does CI's work and some that no role of the platform has.
BY_HAND = {
    "s3:ListAllMyBuckets",
    "sagemaker:ListEndpoints",
    "sagemaker:DescribeEndpoint",
    "sagemaker:InvokeEndpoint",
    "application-autoscaling:DescribeScalableTargets",
    "ecr:CreateRepository",
    "sts:GetCallerIdentity",
}
# AWS services act with these themselves, or only a failure, a second version or autoscaling calls them.
UNRECORDED = {
    "pipeline": {
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:RegisterScalableTarget",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricAlarm",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "sagemaker:AddTags",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeModel",
        "sagemaker:UpdateEndpoint",
    },
    "trigger": {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("modelway-home")
    (home / "logs").mkdir()
    ports = ["--port", str(free_port()), "--airflow-port", str(free_port())]
    with (home / "logs" / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.terraform.stack_process", "--home", str(home), *ports],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + READY_SECONDS
        while (found := running(home)) is None:
            assert process.poll() is None, (home / "progress.log").read_text()
            assert time.monotonic() < deadline, (home / "progress.log").read_text()
            time.sleep(0.2)
        yield found
    finally:
        process.terminate()
        process.wait(30)
        down(home)


@pytest.fixture(scope="module")
def loopback(stack: Stack) -> Loopback:
    return Loopback(stack.gateway_url, Path(stack.home))


@pytest.fixture(scope="module")
def applied(loopback: Loopback, stack: Stack, sources: Path, provider: dict[str, str]) -> Terraform:
    variables = {
        "TF_VAR_gateway_url": loopback.url,
        "TF_VAR_airflow_url": stack.airflow_url,
        "TF_VAR_lambda_runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",
        "TF_DATA_DIR": str(loopback.home / "terraform-data"),
    }
    run = Terraform(sources / "envs" / "local", {**loopback.environment(), **provider, **variables})
    initialise(run)
    run("apply", "-auto-approve", "-no-color", "-state=pipeline.tfstate")
    return run


@pytest.fixture(scope="module")
def policies(applied: Terraform) -> dict[str, dict[str, Any]]:
    state = json.loads(applied("show", "-json", "pipeline.tfstate").stdout)
    found = [one for one in resources(state["values"]["root_module"]) if one["type"] == "aws_iam_role_policy"]
    return {one["address"]: json.loads(one["values"]["policy"]) for one in found}


@pytest.fixture(scope="module")
def ran(applied: Terraform, stack: Stack, loopback: Loopback, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `modelway run` printed, on the example's whole data in Terraform's bucket."""
    data = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, str(EXAMPLE / "data.py"), str(data)], check=True, capture_output=True)
    for channel in ("train", "test"):
        key = f"breast-cancer/{channel}/data.csv"
        loopback.client("s3").upload_file(str(data / channel / "data.csv"), "modelway-local-data", key)
    done = subprocess.run(
        [sys.executable, "-m", "modelway.cli.main", "run", str(EXAMPLE)],
        env={**os.environ, "MODELWAY_HOME": stack.home},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_model_is_live(ran: str, loopback: Loopback) -> None:
    endpoint = loopback.client("sagemaker").describe_endpoint(EndpointName="modelway-breast-cancer")
    assert endpoint["EndpointStatus"] == "InService"


def test_people_were_told_through_the_topic_and_the_secret(ran: str, loopback: Loopback) -> None:
    assert list((loopback.home / "mailbox").glob("*.json"))
    assert list((loopback.home / "slack").glob("*.json"))


def test_the_trigger_ran_from_the_zip(ran: str, loopback: Loopback) -> None:
    assert loopback.calls(TRIGGER) == {"airflow:InvokeRestApi"}


@pytest.mark.parametrize(
    ("key", "policy"),
    [(AIRFLOW_KEY, "iam_role_policy.pipeline"), (TRIGGER, "module.trigger.aws_iam_role_policy")],
    ids=["airflow", "trigger"],
)
def test_each_call_is_allowed_and_nothing_else(
    ran: str, loopback: Loopback, policies: dict[str, dict[str, Any]], key: str, policy: str
) -> None:
    called, may = loopback.calls(key), allowed(policies, policy)
    assert called - may == set()
    assert may - called == UNRECORDED["pipeline" if key == AIRFLOW_KEY else "trigger"]


def test_ci_may_do_what_the_command_did(ran: str, loopback: Loopback, policies: dict[str, dict[str, Any]]) -> None:
    assert loopback.calls("local") - BY_HAND - allowed(policies, "aws_iam_role_policy.ci") == set()


def test_destroy_takes_it_all_down(ran: str, applied: Terraform, policies: dict[str, dict[str, Any]]) -> None:
    applied("destroy", "-auto-approve", "-no-color", "-state=pipeline.tfstate")
