"""terraform/envs/local on the loopback AWS: applied, planned again, used, changed behind its back, destroyed.

The tests follow each other; a plan costs seconds, so none of them stands alone.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.terraform.conftest import Loopback, Terraform

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(400)]
NO_CHANGE, CHANGE = 0, 2
CYCLE_SECONDS = 120.0
# What the provider asks only because of the loopback, or of the account that it is in.
NOT_OF_THE_ROLE = {"sts:GetCallerIdentity", "s3:ListAllMyBuckets"}
PARLIAMENT = """
import json, sys
from parliament import analyze_policy_string
found = []
for address, policy in json.load(sys.stdin).items():
    findings = analyze_policy_string(json.dumps(policy)).findings
    found += [[address, finding.issue, str(finding.detail)] for finding in findings]
print(json.dumps(found))
"""
TRIGGER = "modelway-local-trigger-dag"


@pytest.fixture(scope="module")
def clock() -> dict[str, float]:
    """Seconds that each command took."""
    return {}


@pytest.fixture(scope="module")
def applied(terraform: Terraform, clock: dict[str, float]) -> Terraform:
    started = time.monotonic()
    terraform("apply", "-auto-approve", "-no-color")
    clock["apply"] = time.monotonic() - started
    return terraform


def resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources(child)


@pytest.fixture(scope="module")
def policies(applied: Terraform) -> dict[str, dict[str, Any]]:
    """Applied policy by its address in the state."""
    state = json.loads(applied("show", "-json").stdout)
    kinds = ("aws_iam_role_policy", "aws_iam_group_policy")
    found = [entry for entry in resources(state["values"]["root_module"]) if entry["type"] in kinds]
    return {entry["address"]: json.loads(entry["values"]["policy"]) for entry in found}


def statements(policy: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for statement in policy["Statement"]:
        actions = statement["Action"]
        yield {**statement, "Action": [actions] if isinstance(actions, str) else actions}


def allowed(policies: dict[str, dict[str, Any]], part: str) -> set[str]:
    chosen = [policy for address, policy in policies.items() if part in address]
    assert chosen, f"no policy {part} among {sorted(policies)}"
    granted = [one for policy in chosen for one in statements(policy) if one["Effect"] == "Allow"]
    return {action for one in granted for action in one["Action"]}


def test_a_second_plan_is_empty(applied: Terraform, clock: dict[str, float]) -> None:
    started = time.monotonic()
    again = applied("plan", "-detailed-exitcode", "-no-color", check=False)
    clock["plan"] = time.monotonic() - started
    assert again.returncode == NO_CHANGE, again.stdout[-4000:] + again.stderr


def test_the_trigger_is_the_real_handler_from_the_zip(applied: Terraform, loopback: Loopback) -> None:
    answer = loopback.client("lambda").invoke(FunctionName=TRIGGER, Payload=b'{"dag_id": "nope", "conf": {}}')
    said = json.loads(answer["Payload"].read())
    assert said["errorType"] == "DagNotAllowed"
    assert "train_evaluate" in said["errorMessage"]


def test_a_message_reaches_the_mailbox_on_the_topic_that_terraform_made(applied: Terraform, loopback: Loopback) -> None:
    settings = json.loads(applied("output", "-json", "settings").stdout)
    loopback.client("sns").publish(TopicArn=settings["MODELWAY_SNS_TOPIC_ARN"], Subject="hello", Message="world")
    deadline = time.monotonic() + 10
    while not (mails := list((loopback.home / "mailbox").glob("*.json"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert json.loads(mails[0].read_text())["subject"] == "hello"


def test_the_settings_work_with_the_buckets_and_the_secret(applied: Terraform, loopback: Loopback) -> None:
    settings = json.loads(applied("output", "-json", "settings").stdout)
    loopback.client("s3").put_object(Bucket=settings["MODELWAY_ARTIFACTS_BUCKET"], Key="a/b.json", Body=b"{}")
    secret = loopback.client("secretsmanager").get_secret_value(SecretId=settings["MODELWAY_SLACK_SECRET_ID"])
    assert secret["SecretString"] == f"{loopback.url}/_local/slack/webhook"


def test_no_secret_is_in_the_state(applied: Terraform, loopback: Loopback) -> None:
    assert "/_local/slack/webhook" not in (applied.folder / "terraform.tfstate").read_text()


def test_no_policy_has_an_action_with_a_wildcard(policies: dict[str, dict[str, Any]]) -> None:
    for address, policy in policies.items():
        wild = [action for one in statements(policy) for action in one["Action"] if "*" in action]
        assert not wild, address


def test_parliament_finds_nothing(policies: dict[str, dict[str, Any]]) -> None:
    """In an environment of its own: its dependencies are not ours."""
    command = [
        "uv",
        "run",
        "--quiet",
        "--no-project",
        "--with",
        "parliament==1.6.4",
        "--with",
        "setuptools<81",
        "python",
        "-W",
        "ignore",
        "-c",
    ]
    done = subprocess.run(
        [*command, PARLIAMENT], input=json.dumps(policies), capture_output=True, text=True, check=False
    )
    if done.returncode and "No module named" not in done.stderr and "Traceback" not in done.stderr:
        pytest.skip(f"parliament cannot be installed here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr[-3000:]
    # EC2's networking knows no project in its ARNs; the statement is bound to the region.
    findings = [f for f in json.loads(done.stdout) if not (f[1] == "RESOURCE_STAR" and '"network"' in f[0])]
    assert findings == []


def test_inline_policies_fit_iams_limit(policies: dict[str, dict[str, Any]]) -> None:
    sizes: dict[str, int] = {}
    for address, policy in policies.items():
        role = address.split("[")[0]
        sizes[role] = sizes.get(role, 0) + len(json.dumps(policy, separators=(",", ":")))
    assert max(sizes.values()) < 10_240, sizes


def test_what_somebody_changes_by_hand_is_found_and_put_right(applied: Terraform, loopback: Loopback) -> None:
    versioning = {"Status": "Suspended"}
    loopback.client("s3").put_bucket_versioning(Bucket="modelway-local-data", VersioningConfiguration=versioning)
    drifted = applied("plan", "-refresh-only", "-detailed-exitcode", "-no-color", check=False)
    assert drifted.returncode == CHANGE
    assert 'aws_s3_bucket_versioning.this["data"]' in drifted.stdout
    applied("apply", "-auto-approve", "-no-color")
    healed = loopback.client("s3").get_bucket_versioning(Bucket="modelway-local-data")
    assert healed["Status"] == "Enabled"


def test_destroy_leaves_nothing(
    applied: Terraform, loopback: Loopback, policies: dict[str, dict[str, Any]], clock: dict[str, float]
) -> None:
    started = time.monotonic()
    applied("destroy", "-auto-approve", "-no-color")
    clock["destroy"] = time.monotonic() - started
    assert loopback.client("s3").list_buckets()["Buckets"] == []
    assert "modelway-local" not in json.dumps(loopback.client("lambda").list_functions()["Functions"])
    print("seconds:", {name: round(seconds, 1) for name, seconds in clock.items()})
    assert sum(clock.values()) < CYCLE_SECONDS, clock


def test_the_terraform_role_may_do_what_was_done(loopback: Loopback, policies: dict[str, dict[str, Any]]) -> None:
    may = allowed(policies, "aws_iam_role_policy.terraform")
    assert loopback.calls("terraform") - NOT_OF_THE_ROLE - may == set()
