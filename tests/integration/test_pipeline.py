"""The whole way on a running stack, by the commands that people and GitLab's jobs type."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from modelway_local.stack.layout import Stack

pytestmark = pytest.mark.integration
MODELWAY = [str(Path(sys.executable).with_name("modelway"))]
Environment = dict[str, str]


def modelway(environment: Environment, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*MODELWAY, *arguments]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Path:
    """A model repo as `modelway new` makes it, untouched."""
    path = tmp_path_factory.mktemp("repos") / "fraud-detector"
    made = modelway(stack.environment() | {"PATH": "/usr/bin:/bin"}, "new", str(path))
    assert made.returncode == 0, made.stderr
    return path


@pytest.fixture(scope="module")
def first_run(repo: Path, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The record of a whole `modelway run` of the untouched repo."""
    record = tmp_path_factory.mktemp("records") / "run.json"
    done = modelway(_environment(stack), "run", str(repo), "--json", str(record))
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(record.read_text())
    return found


def _environment(stack: Stack) -> Environment:
    return {**os.environ, **stack.environment()}


def test_a_new_repo_runs_untouched_to_a_live_endpoint(first_run: dict[str, object], stack_environment: object) -> None:
    assert first_run["outcome"] == "success"
    assert first_run["model_version"] == "1.0.0+r0"
    jobs = first_run["evaluation_jobs"]
    assert isinstance(jobs, list)
    assert len(jobs) == 1, "there was no champion to score"
    assert boto3.client("sagemaker").describe_processing_job(ProcessingJobName=jobs[0])
    endpoint = first_run["endpoint"]
    assert isinstance(endpoint, dict)
    assert endpoint["verified"] is True
    live = boto3.client("sagemaker").describe_endpoint(EndpointName=endpoint["endpoint_name"])
    assert live["EndpointStatus"] == "InService"
    assert live["EndpointConfigName"] == endpoint["endpoint_config_name"]


def test_people_were_told_on_both_channels(first_run: dict[str, object], stack_environment: Environment) -> None:
    told = json.loads(modelway(stack_environment, "notifications", "--json").stdout)
    for channel in ("sns", "slack"):
        texts = [json.dumps(message) for message in told if message["channel"] == channel]
        assert any("fraud-detector" in text and "1.0.0+r0" in text for text in texts), channel


def test_invoke_and_logs(first_run: dict[str, object], repo: Path, stack_environment: Environment) -> None:
    answered = modelway(stack_environment, "invoke", "fraud-detector", "--file", str(repo / "samples/request.json"))
    assert answered.returncode == 0, answered.stderr
    expected = json.loads((repo / "samples/response.json").read_text())
    assert json.loads(answered.stdout).keys() == expected.keys()
    assert modelway(stack_environment, "logs", str(first_run["training_job"])).returncode == 0


def test_a_retrain_keeps_the_image_and_takes_the_next_number(
    first_run: dict[str, object], stack_environment: Environment, tmp_path: Path
) -> None:
    record = tmp_path / "retrain.json"
    done = modelway(stack_environment, "retrain", "fraud-detector", "--json", str(record))
    assert done.returncode == 0, done.stderr
    found = json.loads(record.read_text())
    assert found["model_version"] == "1.0.0+r1"
    assert found["digest"] == first_run["digest"]
    assert list(found["metrics"]) == list(first_run["metrics"])  # type: ignore[call-overload]


def test_a_rollback_deploys_what_served_before_and_says_so(
    first_run: dict[str, object], stack_environment: Environment, tmp_path: Path
) -> None:
    """Needs the retraining above, which is deployed and rolled back."""
    record = tmp_path / "rollback.json"
    refused = modelway(stack_environment, "rollback", "fraud-detector")
    assert refused.returncode == 2
    assert "no verified deployment before it is on record" in refused.stderr
    never = modelway(stack_environment, "rollback", "fraud-detector", "--to", "1.0.0+r1")
    assert never.returncode == 2
    assert "1.0.0+r1 has never been deployed and verified" in never.stderr
    deployed = modelway(stack_environment, "deploy", "fraud-detector", "--version", "1.0.0+r1")
    assert deployed.returncode == 0, deployed.stderr
    done = modelway(stack_environment, "rollback", "fraud-detector", "--json", str(record))
    assert done.returncode == 0, done.stderr
    endpoint = json.loads(record.read_text())["endpoint"]
    before = first_run["endpoint"]
    assert isinstance(before, dict)
    assert (endpoint["action"], endpoint["reason"], endpoint["model_version"]) == ("updated", "rollback", "1.0.0+r0")
    assert endpoint["endpoint_config_name"] == before["endpoint_config_name"]
    live = boto3.client("sagemaker").describe_endpoint(EndpointName="modelway-fraud-detector")
    assert live["EndpointConfigName"] == before["endpoint_config_name"]
    assert _told_on_slack(stack_environment, "1.0.0+r0 is live again: rolled back")


def test_a_second_call_with_the_same_request_finds_the_run(
    first_run: dict[str, object], stack_environment: Environment
) -> None:
    from modelway.pipeline.releases import Releases
    from modelway.pipeline.runs import Runs
    from modelway.platform import Platform

    platform = Platform.from_environment(stack_environment)
    releases = Releases(platform)
    request = releases.training_request(releases.package("fraud-detector", "1.0.0+r0"))
    again = Runs(platform).start("train_evaluate", request)
    assert again["created"] is False
    assert again["dag_run_id"] == first_run["dag_run_id"]


@pytest.fixture
def broken(repo: Path, tmp_path: Path) -> Path:
    """A copy of the repo to break, under a name of its own so that tests do not meet."""
    path = tmp_path / "broken"
    shutil.copytree(repo, path)
    return path


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


def test_an_unknown_key_is_named_with_its_line(broken: Path, stack_environment: Environment) -> None:
    _replace(broken / "model.yaml", "problem_type:", "problem_tpye:")
    done = modelway(stack_environment, "run", str(broken))
    assert done.returncode == 2
    assert "problem_tpye" in done.stderr
    assert "model.yaml:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        pytest.param(["deploy", "no-such-model"], 2, "no registered version", id="unknown model"),
        pytest.param(["deploy", "fraud-detector", "--version", "9.9.9"], 2, "registered: 1.0.0", id="unknown version"),
        pytest.param(["logs", "no-such-job"], 2, "no log of", id="unknown job"),
        pytest.param(["invoke", "no-such-model", "--file", "README.md"], 2, "--file", id="not JSON"),
        pytest.param(["retrain", "no-such-model"], 2, "no registered version", id="retrain unknown"),
    ],
)
def test_bad_input_is_one_clear_message(
    command: list[str],
    code: int,
    says: str,
    first_run: dict[str, object],
    stack_environment: Environment,
    checkout: Path,
) -> None:
    done = modelway(stack_environment, *command, cwd=checkout)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_lambda_refuses_a_dag_off_the_list_and_an_unknown_key(
    first_run: dict[str, object], stack_environment: Environment
) -> None:
    function = boto3.client("lambda")
    for event, says in (
        ({"dag_id": "drop_all", "conf": {}}, "may not be started"),
        ({"dag_id": "train_evaluate", "conf": {"modle": {}}}, "modle"),
    ):
        answer = function.invoke(FunctionName="modelway-local-trigger-dag", Payload=json.dumps(event))
        assert answer["FunctionError"] == "Unhandled"
        assert says in json.loads(answer["Payload"].read())["errorMessage"]


def test_the_aws_cli_talks_to_the_stack(first_run: dict[str, object], stack_environment: Environment) -> None:
    aws = str(Path(sys.executable).with_name("aws"))
    command = [aws, "sagemaker", "list-models", "--name-contains", "fraud-detector", "--output", "json"]
    done = subprocess.run(command, env=stack_environment, capture_output=True, text=True, check=True)
    assert any("fraud-detector-1-0-0-r0" in model["ModelName"] for model in json.loads(done.stdout)["Models"])


def test_missing_training_data_is_said_in_the_jobs_words(broken: Path, stack_environment: Environment) -> None:
    _replace(broken / "model.yaml", "name: fraud-detector", "name: no-data")
    spec = (broken / "model.yaml").read_text()
    (broken / "model.yaml").write_text(spec.replace("train: fraud-detector/", "train: s3://modelway-local-data/none/"))
    done = modelway(stack_environment, "run", str(broken))
    assert done.returncode == 2, done.stderr
    assert "No S3 objects found" in done.stderr
    assert _told_on_slack(stack_environment, "No S3 objects found")


def _told_on_slack(environment: Environment, words: str) -> bool:
    """Whether Slack got a message with `words`; a failure is announced a moment after the run has ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = json.loads(modelway(environment, "notifications", "--json").stdout)
        if any(words in json.dumps(message) for message in told if message["channel"] == "slack"):
            return True
        time.sleep(0.5)
    return False


def test_a_transform_job_asks_the_registered_model(
    first_run: dict[str, object], repo: Path, stack_environment: Environment
) -> None:
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    body = (repo / "samples" / "request.json").read_bytes()
    s3.put_object(Bucket="modelway-local-data", Key="batch/request.json", Body=body)
    model = sagemaker.list_models(NameContains="fraud-detector-1-0-0-r0")["Models"][0]["ModelName"]
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://modelway-local-data/batch/"}}
    sagemaker.create_transform_job(
        TransformJobName="batch",
        ModelName=model,
        TransformInput={"DataSource": source, "ContentType": "application/json"},
        TransformOutput={"S3OutputPath": "s3://modelway-local-data/batch-out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    deadline = time.monotonic() + 60
    while (job := sagemaker.describe_transform_job(TransformJobName="batch"))["TransformJobStatus"] == "InProgress":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    answer = s3.get_object(Bucket="modelway-local-data", Key="batch-out/request.json.out")["Body"].read()
    assert json.loads(answer).keys() == json.loads((repo / "samples/response.json").read_text()).keys()


def test_lineage_leads_from_the_endpoint_to_the_commit_and_back(
    first_run: dict[str, object], stack_environment: Environment
) -> None:
    lineage = ["lineage", "fraud-detector", "--json", "--find"]
    by_endpoint = json.loads(modelway(stack_environment, *lineage, "modelway-fraud-detector").stdout)
    served = next(origin for origin in by_endpoint if origin["endpoint"])
    assert served["training_job"] == first_run["training_job"]
    assert served["image"].endswith(str(first_run["digest"]))
    by_job = json.loads(modelway(stack_environment, *lineage, str(first_run["training_job"])).stdout)
    assert by_job == [served]
    unknown = modelway(stack_environment, *lineage, "no-such-thing")
    assert unknown.returncode == 2
    assert "nothing of 'fraud-detector'" in unknown.stderr


def test_the_demo_does_not_discard_a_stack_that_holds_other_models(
    first_run: dict[str, object], stack_environment: Environment
) -> None:
    done = modelway(stack_environment, "demo")
    assert done.returncode == 2, done.stderr
    assert "fraud-detector" in done.stderr
    assert modelway(stack_environment, "status").returncode == 0


def test_up_again_says_that_it_runs(stack: Stack, stack_environment: Environment) -> None:
    again = modelway(stack_environment, "up")
    assert again.returncode == 0
    assert "runs already" in again.stderr


def test_a_taken_port_is_named_with_the_flag(stack: Stack, tmp_path: Path, stack_environment: Environment) -> None:
    port = stack.gateway_url.rsplit(":", 1)[1]
    environment = stack_environment | {"MODELWAY_HOME": str(tmp_path / "other")}
    done = modelway(environment, "up", "--port", port)
    assert done.returncode == 2
    assert f"port {port} is in use" in done.stderr
    assert "--port" in done.stderr
