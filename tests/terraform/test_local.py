"""`modelway up --terraform`: applied, planned again, the pipeline run on it, changed by hand, destroyed, taken down.

The tests follow each other on one account: each command of Terraform's costs seconds.
"""

from __future__ import annotations

import ast
import base64
import gzip
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError
from modelway_local.stack import actors, terraform
from modelway_local.stack.layout import running

from tests.terraform import life
from tests.terraform.conftest import Account
from tests.terraform.mutations import may, narrowings, noticed, removals, told, widenings
from tests.terraform.policies import (
    UNRECORDED,
    Policies,
    Reasons,
    allowed,
    of_role,
    of_state,
    of_state_file,
    resources,
    statements,
)

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(1800)]
NO_CHANGE, CHANGE = 0, 2
TRIGGER = "modelway-local-trigger-dag"
FORWARDER = "modelway-local-log-forwarder"
ROLES = {
    "airflow": "modelway-local-airflow",
    "trigger": TRIGGER,
    "forwarder": FORWARDER,
    "job": "modelway-local-job-breast-cancer",
    "endpoint": "modelway-local-endpoint-breast-cancer",
    "ci": "modelway-local-ci",
    "users": "modelway-local-users",
    "terraform": "modelway-local-terraform",
}
PARLIAMENT = """
import json, sys
from parliament import analyze_policy_string
found = []
for address, policy in json.load(sys.stdin).items():
    findings = analyze_policy_string(json.dumps(policy)).findings
    found += [[address, finding.issue, str(finding.detail)] for finding in findings]
print(json.dumps(found))
"""
# What parliament finds and why it stands.
ACCEPTED = {
    ("aws_iam_policy.terraform[data]", "RESOURCE_POLICY_PRIVILEGE_ESCALATION"): (
        "whoever makes the environment's buckets writes their policies, and could give itself the rest by one; "
        "it has no policy of another's bucket"
    )
}
IN_AN_ENVIRONMENT_OF_ITS_OWN = ["uv", "run", "--quiet", "--no-project", "--with", "parliament==1.6.4"]


@contextmanager
def timed(account: Account, what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    account.seconds[what] = time.monotonic() - started


def agree(account: Account, role: str, policies: dict[str, Any], reasons: Reasons) -> None:
    """Nothing was refused, and each change of the role's policies is told by a recorded call, a probe or a reason.

    A reason for a right that a recorded call needs, or that no policy gives, is none.
    """
    given = account.calls(role)
    calls = [one.call for one in given if one.allowed and may(policies, one.call)]
    refused = {one.call.action for one in given if not one.allowed} - {one.call.action for one in given if one.allowed}
    assert sorted(refused) == [], "called and not allowed"
    idle = {(one.sid, one.name) for one in removals(policies) if not noticed(one, calls)}
    assert sorted(idle - reasons.keys()) == [], "allowed, and neither called nor explained"
    assert sorted(reasons.keys() - idle) == [], "explained, and called, or not allowed at all"
    shut = [(one.sid, one.name) for one in widenings(policies, calls) if not told(one, policies)]
    assert shut == [], "widened, and nobody was told"
    every = [one for policy in policies.values() for one in statements(policy) if one["Effect"] == "Allow"]
    used = {one["Sid"] for one in every if not {(one["Sid"], action) for action in one["Action"]} & idle}
    single = {one["Sid"] for one in every if isinstance(one["Resource"], str) or len(one["Resource"]) == 1}
    narrow = [one for one in narrowings(policies) if one.sid in used & single]
    silent = [(one.sid, one.name) for one in narrow if not noticed(one, calls)]
    assert silent == [], "narrowed, and nobody was told"


@pytest.fixture(scope="module")
def settings(account: Account) -> dict[str, str]:
    found: dict[str, str] = json.loads(account.terraform("output", "-json", "settings").stdout)
    return found


@pytest.fixture(scope="module")
def state(account: Account) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(account.terraform("show", "-json").stdout)
    return found


@pytest.fixture(scope="module")
def policies(state: dict[str, Any], account: Account) -> Policies:
    """All but the boundary, which grants nothing."""
    bootstrap = of_state_file(terraform.bootstrap_state_file(account.home))
    return of_state(state) | {address: one for address, one in bootstrap.items() if "boundary" not in address}


def test_everything_carries_the_tags_that_cost_is_told_by(state: dict[str, Any]) -> None:
    common = {"modelway:project", "modelway:environment", "modelway:managed-by", "modelway:version"}
    tagged = {one["address"]: one["values"]["tags_all"] for one in resources(state) if "tags_all" in one["values"]}
    assert len(tagged) > 40
    assert [address for address, tags in tagged.items() if not common <= set(tags)] == []
    of_the_model = {address for address in tagged if "breast-cancer" in address}
    assert len(of_the_model) > 6
    assert {tagged[address].get("modelway:model") for address in of_the_model} == {"breast-cancer"}


def test_a_model_is_watched_on_what_an_endpoint_can_do_wrong(state: dict[str, Any]) -> None:
    [board] = [one["values"] for one in resources(state) if one["type"] == "aws_cloudwatch_dashboard"]
    lines = [
        line for widget in json.loads(board["dashboard_body"])["widgets"] for line in widget["properties"]["metrics"]
    ]
    drawn = {(line[1], line[-1]["stat"]) for line in lines}
    assert {("ModelLatency", "p50"), ("ModelLatency", "p90"), ("ModelLatency", "p99")} <= drawn
    names = {"Invocations", "Invocation4XXErrors", "Invocation5XXErrors", "CPUUtilization", "MemoryUtilization"}
    assert names <= {name for name, _ in drawn}
    alarms = [one["values"] for one in resources(state) if one["type"] == "aws_cloudwatch_metric_alarm"]
    watched = {alarm["metric_name"] for alarm in alarms if alarm["dimensions"].get("EndpointName")}
    assert watched == (names | {"ModelLatency"}) - {"Invocations"}
    assert all(alarm["alarm_actions"] for alarm in alarms)


def test_status_says_what_terraform_made(account: Account) -> None:
    account.seconds["up"] = account.stack.ready_seconds
    said = account.modelway("status").stdout
    assert f"{terraform.resource_count(account.home)} resources in" in said
    assert terraform.resource_count(account.home) > 90


def test_a_second_plan_is_empty(account: Account) -> None:
    with timed(account, "second plan"):
        again = account.terraform("plan", "-detailed-exitcode", "-no-color", check=False)
    assert again.returncode == NO_CHANGE, again.stdout[-4000:] + again.stderr


def test_a_stack_that_runs_is_left_alone(account: Account) -> None:
    pid = account.stack.pid
    assert "runs already" in account.modelway("up", "--terraform").stderr
    assert account.stack.pid == pid


def test_the_trigger_is_the_real_handler_from_the_zip(account: Account) -> None:
    answer = account.client("lambda").invoke(FunctionName=TRIGGER, Payload=b'{"dag_id": "nope", "conf": {}}')
    said = json.loads(answer["Payload"].read())
    assert said["errorType"] == "DagNotAllowed"
    assert "train_evaluate" in said["errorMessage"]


def test_the_forwarder_keeps_lines_in_the_logs_bucket(account: Account) -> None:
    event = {"id": "7", "timestamp": 1_790_000_000_000, "message": "hello"}
    batch = {"messageType": "DATA_MESSAGE", "logGroup": "/aws/sagemaker/Endpoints/modelway-breast-cancer"}
    data = gzip.compress(json.dumps({**batch, "logStream": "AllTraffic/1", "logEvents": [event]}).encode())
    payload = json.dumps({"awslogs": {"data": base64.b64encode(data).decode()}}).encode()
    answer = account.client("lambda").invoke(FunctionName=FORWARDER, Payload=payload)
    assert json.loads(answer["Payload"].read()) == {"lines": 1, "dropped": 0}
    s3 = account.client("s3")
    [entry] = s3.list_objects_v2(Bucket="modelway-local-logs", Prefix="logs/")["Contents"]
    kept = gzip.decompress(s3.get_object(Bucket="modelway-local-logs", Key=entry["Key"])["Body"].read())
    assert json.loads(kept)["message"] == "hello"


def test_a_message_reaches_the_mailbox_on_the_topic_that_terraform_made(
    account: Account, settings: dict[str, str]
) -> None:
    account.client("sns").publish(TopicArn=settings["MODELWAY_SNS_TOPIC_ARN"], Subject="hello", Message="world")
    deadline = time.monotonic() + 10
    while not (mails := list((account.home / "mailbox").glob("*.json"))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert json.loads(mails[0].read_text())["subject"] == "hello"


def test_the_secret_is_in_secrets_manager_and_not_in_the_state(account: Account, settings: dict[str, str]) -> None:
    secret = account.client("secretsmanager").get_secret_value(SecretId=settings["MODELWAY_SLACK_SECRET_ID"])
    assert secret["SecretString"] == f"{account.stack.delivery_url}/slack/webhook"
    assert f"{account.stack.delivery_url}/slack" not in terraform.state_file(account.home).read_text()


@pytest.fixture(scope="module")
def ran(account: Account, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo's four acts printed; then a rollback, the schedule, a scan, and people who look."""
    with timed(account, "four acts"):
        said = life.four_acts(account)
    with timed(account, "rollback"):
        assert "1.0.0+r0" in life.roll_back(account)
    life.keep_the_schedule(account)
    assert "not scanned" in life.scan(account, tmp_path_factory.mktemp("out"))
    life.look(account)
    return said


def test_a_models_whole_life_passes_under_enforcement(ran: str) -> None:
    assert "The life of a model" in ran


def test_the_model_is_live(ran: str, account: Account) -> None:
    endpoint = account.client("sagemaker").describe_endpoint(EndpointName="modelway-breast-cancer")
    assert endpoint["EndpointStatus"] == "InService"


def test_people_were_told_through_the_topic_and_the_secret(ran: str, account: Account) -> None:
    assert len(list((account.home / "mailbox").glob("*.json"))) > 1  # the first is this test's
    assert list((account.home / "slack").glob("*.json"))


@pytest.mark.parametrize("actor", ["airflow", "trigger", "forwarder", "job", "endpoint", "ci", "users"])
def test_each_right_is_used_or_explained(ran: str, account: Account, state: dict[str, Any], actor: str) -> None:
    agree(account, ROLES[actor], of_role(state, ROLES[actor]), UNRECORDED[actor])


@pytest.mark.attack(
    attacker="holder of a role",
    tries="what another actor's role may do",
    stopped_by="the gateway evaluates each call against the caller's own role",
)
def test_a_role_may_not_do_what_is_anothers(ran: str, account: Account) -> None:
    ci = boto3.Session(**account.stack.credentials(actors.CI).arguments(), region_name="eu-west-1")
    url = account.stack.gateway_url
    who = "arn:aws:sts::123456789012:assumed-role/modelway-local-ci/GitLab"
    assert ci.client("sts", endpoint_url=url).get_caller_identity()["Arn"] == who
    said = rf"\(AccessDenied.*User: {who} is not authorized to perform: .* because no identity-based policy allows the"
    with pytest.raises(ClientError, match=said):
        ci.client("sagemaker", endpoint_url=url).create_endpoint(
            EndpointName="modelway-x", EndpointConfigName="modelway-x"
        )
    with pytest.raises(ClientError, match=said):
        ci.client("s3", endpoint_url=url).list_objects_v2(Bucket="modelway-local-data")
    with pytest.raises(ClientError, match=said):
        ci.client("secretsmanager", endpoint_url=url).get_secret_value(SecretId="modelway/local/slack-webhook")


def test_the_model_ran_as_its_own_role(ran: str, account: Account) -> None:
    sagemaker, role = account.client("sagemaker"), "arn:aws:iam::123456789012:role/modelway-local-{}-breast-cancer"
    job = sagemaker.list_training_jobs(NameContains="breast-cancer")["TrainingJobSummaries"][0]["TrainingJobName"]
    assert sagemaker.describe_training_job(TrainingJobName=job)["RoleArn"] == role.format("job")
    model = sagemaker.list_models(NameContains="breast-cancer")["Models"][0]["ModelName"]
    assert sagemaker.describe_model(ModelName=model)["ExecutionRoleArn"] == role.format("endpoint")


@pytest.mark.attack(
    attacker="code of a model",
    tries="overwrites a record of the platform with its role's rights",
    stopped_by="a job's role puts below jobs/<model>/ alone, an endpoint's puts nothing",
)
def test_a_models_roles_write_no_record(policies: Policies) -> None:
    kinds = {kind: f'aws_iam_role_policy.{kind}["breast-cancer"]' for kind in ("job", "endpoint")}
    writes = {
        kind: [one for policy in _of_part(policies, part) for one in statements(policy) if _writes(one["Action"])]
        for kind, part in kinds.items()
    }
    assert writes["endpoint"] == []
    assert {arn for one in writes["job"] for arn in _listed(one["Resource"])} == {
        "arn:aws:s3:::modelway-local-artifacts/jobs/breast-cancer/*"
    }
    assert allowed(policies, kinds["endpoint"]) < allowed(policies, kinds["job"])


def _of_part(policies: Policies, part: str) -> list[dict[str, Any]]:
    chosen = [policy for address, policy in policies.items() if part in address]
    assert chosen, part
    return chosen


def _writes(actions: list[str]) -> bool:
    """Whether an action changes what is kept; logs and metrics are a container's own words."""
    reads = ("Get", "List", "Describe", "BatchGet", "BatchCheck", "Decrypt", "Encrypt", "GenerateDataKey")
    told = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "cloudwatch:PutMetricData"}
    return any(action not in told and not action.split(":")[1].startswith(reads) for action in actions)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_a_model_without_a_block_has_no_role(ran: str, account: Account) -> None:
    sagemaker = account.client("sagemaker")
    known = sagemaker.describe_model(ModelName=sagemaker.list_models()["Models"][0]["ModelName"])
    role = known["ExecutionRoleArn"].replace("breast-cancer", "stranger")
    with pytest.raises(ClientError, match=r"Could not assume role .*-stranger"):
        sagemaker.create_model(ModelName="s", PrimaryContainer=known["PrimaryContainer"], ExecutionRoleArn=role)


def test_the_endpoint_scales_as_model_yaml_says(ran: str, account: Account) -> None:
    resource = "endpoint/modelway-breast-cancer/variant/AllTraffic"
    wanted = {"ServiceNamespace": "sagemaker", "ResourceIds": [resource]}
    autoscaling = account.client("application-autoscaling")
    [target] = autoscaling.describe_scalable_targets(**wanted)["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 2)
    policies = autoscaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    targets = {one["PolicyName"]: one["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for one in policies}
    assert targets == {"modelway-breast-cancer-invocations": 600.0, "modelway-breast-cancer-cpu": 70.0}


def test_no_policy_has_an_action_with_a_wildcard(policies: Policies) -> None:
    for address, policy in policies.items():
        wild = [action for one in statements(policy) for action in one["Action"] if "*" in action]
        assert not wild, address


def test_parliament_finds_nothing(policies: Policies) -> None:
    """In an environment of its own: its dependencies are not ours."""
    command = [*IN_AN_ENVIRONMENT_OF_ITS_OWN, "--with", "setuptools<81", "python", "-W", "ignore", "-c", PARLIAMENT]
    done = subprocess.run(command, input=json.dumps(policies), capture_output=True, text=True, check=False)
    if done.returncode and "No module named" not in done.stderr and "Traceback" not in done.stderr:
        pytest.skip(f"parliament cannot be installed here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stderr[-3000:]
    findings = [f for f in json.loads(done.stdout) if not _other_half(policies[f[0]], f[1], f[2])]
    assert {(address, issue) for address, issue, _ in findings} == ACCEPTED.keys(), findings


def _other_half(policy: dict[str, Any], issue: str, detail: str) -> bool:
    """Of a call that is asked for two things, as a subnet and its VPC, each statement may allow one."""
    if issue != "RESOURCE_MISMATCH":
        return False

    def granted(action: str, form: str) -> bool:
        of_action = [one["Resource"] for one in statements(policy) if action in one["Action"]]
        lists = [[one] if isinstance(one, str) else one for one in of_action]
        return any(fnmatchcase(resource, form) for one in lists for resource in one)

    return all(granted(one["action"], one["required_format"]) for one in ast.literal_eval(detail))


def test_inline_policies_fit_iams_limit(policies: Policies) -> None:
    sizes: dict[str, int] = {}
    inline = {address: one for address, one in policies.items() if not address.startswith("aws_iam_policy.")}
    for address, policy in inline.items():
        role = address.split("[")[0]
        sizes[role] = sizes.get(role, 0) + len(json.dumps(policy, separators=(",", ":")))
    assert max(sizes.values()) < 10_240, sizes


def test_what_somebody_changes_by_hand_is_found_and_put_right(account: Account, tmp_path: Path) -> None:
    s3, plan = account.client("s3"), tmp_path / "drift.tfplan"
    s3.put_bucket_versioning(Bucket="modelway-local-data", VersioningConfiguration={"Status": "Suspended"})
    with timed(account, "drift"):
        drifted = account.terraform("plan", "-detailed-exitcode", "-no-color", f"-out={plan}", check=False)
    assert drifted.returncode == CHANGE
    changed = re.findall(r"# (\S+) will be updated in-place", drifted.stdout)
    assert changed == ['module.modelway.module.storage.aws_s3_bucket_versioning.this["data"]']
    with timed(account, "repair"):
        account.terraform("apply", "-no-color", str(plan))
    assert s3.get_bucket_versioning(Bucket="modelway-local-data")["Status"] == "Enabled"


def test_destroy_leaves_nothing(account: Account, policies: Policies) -> None:
    for key in ("a b", "a+b", "a%20b", "x&y/ü"):
        account.client("s3").put_object(Bucket="modelway-local-data", Key=key, Body=b"")
    with timed(account, "destroy"):
        # The apply above has just read everything.
        account.terraform("destroy", "-auto-approve", "-no-color", "-refresh=false")
    assert terraform.resource_count(account.home) == 0
    # The bootstrap's.
    assert [one["Name"] for one in account.client("s3").list_buckets()["Buckets"]] == ["modelway-state-123456789012"]
    assert "modelway-local" not in json.dumps(account.client("lambda").list_functions()["Functions"])


def test_the_terraform_role_may_do_what_was_done(account: Account, policies: Policies) -> None:
    own = {address: policy for address, policy in policies.items() if "aws_iam_policy.terraform" in address}
    agree(account, ROLES["terraform"], own, UNRECORDED["terraform"])


def test_down_leaves_no_process_and_no_state(account: Account) -> None:
    with timed(account, "down"):
        account.modelway("down")
    assert running(account.home) is None
    assert not terraform.state_file(account.home).exists()
    assert _processes_of(account.home) == []


def _processes_of(home: Path) -> list[str]:
    def words(process: psutil.Process) -> str:
        try:
            return " ".join(process.cmdline())
        except psutil.Error:
            return ""

    return [said for process in psutil.process_iter() if str(home) in (said := words(process)) and "pytest" not in said]
