"""SageMaker's jobs and endpoints as processes, behind the real gateway."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from modelway_local.iam.credentials import Keyring
from modelway_local.runtime import network

from modelway.packaging.registry import Registry
from tests.tiny_image import image as tiny

pytestmark = pytest.mark.integration

ENDED = {"Completed", "Failed", "Stopped"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "gave up waiting"
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Stack:
    """A gateway in front of moto, and the tiny image in its registry."""

    def __init__(self, home: Path) -> None:
        self.home, self.port, self.moto_port = home, free_port(), free_port()
        self.image = ""
        self.moto = self._run("moto.server", "-H", "127.0.0.1", "-p", str(self.moto_port))
        self.gateway = self.start_gateway()
        wait_until(lambda: listens(self.moto_port) and listens(self.port))
        self.sagemaker = self.client("sagemaker")
        self.s3 = self.client("s3")

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start_gateway(self) -> subprocess.Popen[bytes]:
        moto = f"http://127.0.0.1:{self.moto_port}"
        options = ("--home", str(self.home), "--port", str(self.port), "--moto-url", moto)
        return self._run("modelway_local.gateway", *options)

    def kill_and_restart(self) -> None:
        os.kill(self.gateway.pid, signal.SIGKILL)
        self.gateway.wait()
        self.gateway = self.start_gateway()
        wait_until(lambda: listens(self.port))

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="eu-west-1",
            **Keyring(self.home).of().arguments(),
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
        )

    def train(self, name: str, **options: Any) -> Any:
        """The training job, once it has ended."""
        self.sagemaker.create_training_job(**tiny.training(name, self.image, **options))
        return self.ended(name)

    def ended(self, name: str) -> Any:
        wait_until(lambda: self.job(name)["TrainingJobStatus"] in ENDED)
        return self.job(name)

    def job(self, name: str) -> Any:
        return self.sagemaker.describe_training_job(TrainingJobName=name)

    def config(self, name: str, **environment: str) -> str:
        """A model and an endpoint config of that name, the variant AllTraffic."""
        self.sagemaker.create_model(**tiny.model(name, self.image, **environment))
        self.sagemaker.create_endpoint_config(**tiny.endpoint_config(name, AllTraffic=name))
        return name

    def endpoint(self, name: str, config: str) -> None:
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.settled(name)

    def settled(self, name: str) -> Any:
        """The endpoint, once it is not changing."""

        def live() -> Any:
            return self.sagemaker.describe_endpoint(EndpointName=name)

        wait_until(lambda: live()["EndpointStatus"] in {"InService", "Failed"})
        return live()

    def invoke(self, name: str, body: bytes = b"hello", **options: Any) -> Any:
        return self.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, Body=body, **options)

    def who(self, name: str, **options: Any) -> str:
        """The model that answers."""
        return str(json.loads(self.invoke(name, **options)["Body"].read())["who"])

    def close(self) -> None:
        for process in (self.gateway, self.moto):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    found = Stack(tmp_path_factory.mktemp("home"))
    try:
        for bucket in ("data", "artifacts"):
            found.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        found.s3.put_object(Bucket="data", Key="tiny/train/rows.csv", Body=b"1,2\n")
        made = found.client("ecr").create_repository(repositoryName="modelway/tiny")["repository"]
        built = tiny.build(tmp_path_factory.mktemp("image"))
        token = found.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
        registry = Registry(f"http://127.0.0.1:{found.port}", "modelway/tiny", f"Basic {token}")
        digest = registry.push(built, "1.0.0")
        found.image = f"{made['repositoryUri']}@{digest}"
        yield found
    finally:
        found.close()


def refusal(call: Callable[..., Any], **request: Any) -> str:
    """The code of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def test_a_training_job_completes_with_its_model_in_s3(stack: Stack) -> None:
    job = stack.train("completes", data="s3://data/tiny/train/", depth="3")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri == "s3://artifacts/out/completes/output/model.tar.gz"
    body = stack.s3.get_object(Bucket="artifacts", Key=uri.removeprefix("s3://artifacts/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        member = tar.extractfile("model.json")
        assert member is not None
        assert json.load(member) == {"parameters": {"depth": "3"}, "data": {"train/rows.csv": "1,2\n"}}
    statuses = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert statuses == ["Downloading", "Training", "Uploading", "Completed"]
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]


def test_the_last_match_of_a_metric_is_final_and_one_without_a_match_is_left_out(stack: Stack) -> None:
    metrics = stack.train("metrics")["FinalMetricDataList"]
    assert [(metric["MetricName"], metric["Value"]) for metric in metrics] == [("loss", 0.25)]


def test_what_a_job_prints_is_in_its_log(stack: Stack) -> None:
    stack.train("prints")
    logs = stack.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="prints/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    assert [event["message"] for event in events] == ["loss=0.5", "loss=0.25"]


def test_a_job_that_fails_says_why_in_its_own_words(stack: Stack) -> None:
    job = stack.train("fails", fail="1")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: the data has no rows, exit code: 1"
    assert stack.s3.list_objects_v2(Bucket="artifacts", Prefix="out/fails/")["KeyCount"] == 0


def test_absent_data_and_absent_images_are_the_clients_error(stack: Stack) -> None:
    assert stack.train("no-data", data="s3://data/absent/")["FailureReason"].startswith("ClientError: Data download")
    stack.sagemaker.create_training_job(**tiny.training("no-image", f"127.0.0.1:{stack.port}/modelway/tiny:9.9.9"))
    assert stack.ended("no-image")["FailureReason"].startswith("ClientError: Cannot pull the image")


def test_a_command_that_is_not_there_is_the_clients_error(stack: Stack) -> None:
    request = tiny.processing("no-command", stack.image, "s3://data/tiny/train/")
    request["AppSpecification"]["ContainerEntrypoint"] = ["/no/such/command"]
    stack.sagemaker.create_processing_job(**request)

    def job() -> Any:
        return stack.sagemaker.describe_processing_job(ProcessingJobName="no-command")

    wait_until(lambda: job()["ProcessingJobStatus"] in ENDED)
    assert job()["ProcessingJobStatus"] == "Failed"
    assert "/no/such/command" in job()["FailureReason"]


def test_a_job_out_of_time_is_stopped(stack: Stack) -> None:
    job = stack.train("slow", seconds=1, hang="1")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_job_stops_when_asked_and_only_once(stack: Stack) -> None:
    stack.sagemaker.create_training_job(**tiny.training("asked", stack.image, hang="1"))
    wait_until(lambda: stack.job("asked")["SecondaryStatus"] == "Training")
    stack.sagemaker.stop_training_job(TrainingJobName="asked")
    job = stack.ended("asked")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert refusal(stack.sagemaker.stop_training_job, TrainingJobName="asked") == "ValidationException"


def test_a_jobs_name_is_taken_for_good(stack: Stack) -> None:
    request = tiny.training("taken", stack.image)
    stack.sagemaker.create_training_job(**request)
    assert refusal(stack.sagemaker.create_training_job, **request) == "ResourceInUse"
    stack.ended("taken")
    assert refusal(stack.sagemaker.create_training_job, **request) == "ResourceInUse"


def test_of_eight_at_once_one_gets_the_name(stack: Stack) -> None:
    request = tiny.training("raced", stack.image)
    codes: list[str] = []

    def create() -> None:
        try:
            stack.sagemaker.create_training_job(**request)
            codes.append("made")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["ResourceInUse"] * 7 + ["made"]


def test_jobs_are_listed_by_filter_and_page(stack: Stack) -> None:
    for number in range(3):
        stack.train(f"listed-{number}", **({"fail": "1"} if number == 1 else {}))
    pages = list(
        stack.sagemaker.get_paginator("list_training_jobs").paginate(
            NameContains="listed", PaginationConfig={"PageSize": 2}
        )
    )
    names = [[job["TrainingJobName"] for job in page["TrainingJobSummaries"]] for page in pages]
    assert names == [["listed-0", "listed-1"], ["listed-2"]]
    failed = stack.sagemaker.list_training_jobs(NameContains="listed", StatusEquals="Failed")["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in failed] == ["listed-1"]
    last = stack.sagemaker.list_training_jobs(NameContains="listed", SortOrder="Descending", MaxResults=1)
    assert last["TrainingJobSummaries"][0]["TrainingJobName"] == "listed-2"
    assert refusal(stack.sagemaker.list_training_jobs, NextToken="nonsense!") == "ValidationException"


def test_a_processing_job_writes_its_output_or_its_message(stack: Stack) -> None:
    def ended(name: str) -> Any:
        def job() -> Any:
            return stack.sagemaker.describe_processing_job(ProcessingJobName=name)

        wait_until(lambda: job()["ProcessingJobStatus"] in ENDED)
        return job()

    stack.sagemaker.create_processing_job(**tiny.processing("copies", stack.image, "s3://data/tiny/train/"))
    stack.sagemaker.create_processing_job(**tiny.processing("message", stack.image, "s3://data/tiny/train/", FAIL="1"))
    assert ended("copies")["ProcessingJobStatus"] == "Completed"
    assert stack.s3.get_object(Bucket="artifacts", Key="copies/rows.csv")["Body"].read() == b"1,2\n"
    failed = ended("message")
    assert (failed["ProcessingJobStatus"], failed["ExitMessage"]) == ("Failed", "no such column")
    assert failed["FailureReason"] == "AlgorithmError: no such column, exit code: 1"


def test_an_operation_that_is_not_here_is_501(stack: Stack) -> None:
    with pytest.raises(ClientError, match="ListClusters") as caught:
        stack.sagemaker.list_clusters()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_an_update_fails_no_request(stack: Stack) -> None:
    stack.endpoint("busy", stack.config("busy-a"))
    stack.config("busy-b")
    answers: list[str] = []
    failures: list[str] = []
    done = threading.Event()

    def ask() -> None:
        runtime = stack.client("sagemaker-runtime")
        while not done.is_set():
            try:
                body = runtime.invoke_endpoint(EndpointName="busy", Body=b"x")["Body"].read()
                answers.append(json.loads(body)["who"])
            except Exception as error:  # noqa: BLE001 - any failure is what this test looks for
                failures.append(repr(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: answers or failures)
    for config in ("busy-b", "busy-a", "busy-b"):
        stack.sagemaker.update_endpoint(EndpointName="busy", EndpointConfigName=config)
        assert stack.settled("busy")["EndpointConfigName"] == config
        enough = len(answers) + 8
        wait_until(lambda enough=enough: len(answers) > enough or failures)  # type: ignore[misc]
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert (answers[0], answers[-1]) == ("busy-a", "busy-b")


def test_a_failed_update_keeps_what_serves(stack: Stack) -> None:
    stack.endpoint("kept", stack.config("kept-good"))
    stack.config("kept-bad", BROKEN="1")
    stack.sagemaker.update_endpoint(EndpointName="kept", EndpointConfigName="kept-bad")
    endpoint = stack.settled("kept")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "kept-good")
    assert "the model does not load" in endpoint["FailureReason"]
    assert stack.who("kept") == "kept-good"


def test_an_endpoint_that_never_starts_has_failed(stack: Stack) -> None:
    stack.endpoint("never", stack.config("never", BROKEN="1"))
    endpoint = stack.settled("never")
    assert endpoint["EndpointStatus"] == "Failed"
    assert "the model does not load" in endpoint["FailureReason"]
    assert refusal(stack.invoke, name="never") == "ValidationError"


def test_an_answer_of_the_models_is_passed_on(stack: Stack) -> None:
    stack.endpoint("answers", stack.config("answers"))
    answer = stack.invoke("answers")
    assert (answer["CustomAttributes"], answer["InvokedProductionVariant"]) == ("by=tiny", "AllTraffic")
    with pytest.raises(ClientError) as caught:
        stack.invoke("answers", b"refuse")
    response: Any = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 400


def test_a_server_that_dies_comes_back(stack: Stack) -> None:
    stack.endpoint("dies", stack.config("dies"))
    assert refusal(stack.invoke, name="dies", body=b"die") == "ModelError"

    def answers() -> bool:
        try:
            return stack.who("dies") == "dies"
        except ClientError:
            return False

    wait_until(answers)


def test_variants_are_chosen_by_name_or_weight(stack: Stack) -> None:
    for name in ("left", "right"):
        stack.sagemaker.create_model(**tiny.model(name, stack.image))
    stack.sagemaker.create_endpoint_config(**tiny.endpoint_config("both", Left="left", Right="right"))
    stack.endpoint("both", "both")
    assert stack.who("both", TargetVariant="Left") == "left"
    assert stack.who("both", TargetVariant="Right") == "right"
    assert refusal(stack.invoke, name="both", TargetVariant="Middle") == "ValidationError"
    weights = [{"VariantName": "Left", "DesiredWeight": 0.0}, {"VariantName": "Right", "DesiredWeight": 1.0}]
    stack.sagemaker.update_endpoint_weights_and_capacities(EndpointName="both", DesiredWeightsAndCapacities=weights)
    assert {stack.who("both") for _ in range(10)} == {"right"}


def test_a_registered_variant_keeps_its_type_and_its_count(stack: Stack) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html"""
    autoscaling, cloudwatch = stack.client("application-autoscaling"), stack.client("cloudwatch")
    variant = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/scaled/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = {"TargetValue": 600.0, "PredefinedMetricSpecification": metric}

    def update(config: str, **options: Any) -> int:
        stack.sagemaker.update_endpoint(EndpointName="scaled", EndpointConfigName=config, **options)
        return int(stack.settled("scaled")["ProductionVariants"][0]["DesiredInstanceCount"])

    stack.endpoint("scaled", stack.config("scaled-1"))
    stack.config("scaled-2")
    larger = tiny.endpoint_config("scaled-3", AllTraffic="scaled-2")
    larger["ProductionVariants"][0]["InstanceType"] = "ml.m5.4xlarge"
    stack.sagemaker.create_endpoint_config(**larger)
    autoscaling.register_scalable_target(**variant, MinCapacity=3, MaxCapacity=5)
    policy = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
    autoscaling.put_scaling_policy(**variant, **policy, TargetTrackingScalingPolicyConfiguration=tracking)
    alarms = {"AlarmNamePrefix": "TargetTracking-endpoint/scaled/"}
    assert len(cloudwatch.describe_alarms(**alarms)["MetricAlarms"]) == 2
    assert update("scaled-2", RetainAllVariantProperties=True) == 3
    assert refusal(update, config="scaled-3") == "ValidationException"
    autoscaling.deregister_scalable_target(**variant)
    assert update("scaled-3") == 1
    autoscaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=5)
    stack.sagemaker.delete_endpoint(EndpointName="scaled")
    wait_until(lambda: not stack.sagemaker.list_endpoints(NameContains="scaled")["Endpoints"])
    assert autoscaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert cloudwatch.describe_alarms(**alarms)["MetricAlarms"] == []


def test_an_endpoint_is_deleted_only_when_it_is_not_being_made(stack: Stack) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteEndpoint.html"""
    config = stack.config("brief")
    stack.sagemaker.create_endpoint(EndpointName="brief", EndpointConfigName=config)
    assert refusal(stack.sagemaker.delete_endpoint, EndpointName="brief") == "ValidationException"
    stack.settled("brief")
    stack.sagemaker.delete_endpoint(EndpointName="brief")
    wait_until(lambda: not stack.sagemaker.list_endpoints(NameContains="brief")["Endpoints"])
    time.sleep(1)
    assert refusal(stack.invoke, name="brief") == "ValidationError"


def test_a_killed_gateway_comes_back_with_all_it_had(stack: Stack) -> None:
    stack.endpoint("survives", stack.config("survives"))
    stack.sagemaker.create_training_job(**tiny.training("orphan", stack.image, hang="1"))
    wait_until(lambda: stack.job("orphan")["SecondaryStatus"] == "Training")
    stack.kill_and_restart()
    assert stack.sagemaker.describe_model(ModelName="survives")["PrimaryContainer"]["Image"] == stack.image
    assert stack.settled("survives")["EndpointStatus"] == "InService"
    assert stack.who("survives") == "survives"
    orphan = stack.job("orphan")
    assert orphan["TrainingJobStatus"] == "Failed"
    assert "stopped while the job ran" in orphan["FailureReason"]


def test_an_update_cut_short_does_not_take_the_old_fleet_along(stack: Stack) -> None:
    stack.endpoint("cut", stack.config("cut-old"))
    stack.config("cut-new", STUCK="1")
    stack.sagemaker.update_endpoint(EndpointName="cut", EndpointConfigName="cut-new")
    stack.kill_and_restart()

    def answers() -> bool:
        try:
            return stack.who("cut") == "cut-old"
        except ClientError:
            return False

    wait_until(answers)
    assert stack.sagemaker.describe_endpoint(EndpointName="cut")["EndpointStatus"] == "Updating"


# The container's contract. A job's own entry point runs the program that its environment holds.
BASE = "base = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'])"
PROGRAM = ["python", "-c", f"import os, pathlib, signal, sys, time; {BASE}; exec(os.environ['PROGRAM'])"]


def run_program(stack: Stack, name: str, program: str, *, arguments: tuple[str, ...] = (), **changes: Any) -> str:
    """Start a training job of this program; its name."""
    request = tiny.training(name, stack.image, seconds=changes.pop("seconds", 60))
    request["AlgorithmSpecification"] |= {"ContainerEntrypoint": PROGRAM, **changes.pop("algorithm", {})}
    request["Environment"] = {"PROGRAM": program}
    if arguments:
        request["AlgorithmSpecification"]["ContainerArguments"] = list(arguments)
    stack.sagemaker.create_training_job(**{**request, **changes})
    return name


def keys(stack: Stack, prefix: str) -> list[str]:
    listed = stack.s3.list_objects_v2(Bucket="artifacts", Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in listed]


def model_of(stack: Stack, name: str) -> dict[str, str]:
    """The files of a job's model.tar.gz."""
    body = stack.s3.get_object(Bucket="artifacts", Key=f"out/{name}/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return {item.name: tar.extractfile(item).read().decode() for item in tar if item.isfile()}  # type: ignore[union-attr]


def refused(call: Callable[..., Any], **request: Any) -> str:
    """What a call is refused with, by name, with a 501."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    return str(caught.value)


def test_a_training_jobs_own_entry_point_runs_with_its_arguments(stack: Stack) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AlgorithmSpecification.html"""
    program = "(base / 'model' / 'said').write_text(f\"{sys.argv[1:]} {os.environ['TRAINING_JOB_ARN'][-16:]}\")"
    run_program(stack, "own", program, arguments=("--rate", "1"))
    assert stack.ended("own")["TrainingJobStatus"] == "Completed"
    assert model_of(stack, "own") == {"said": "['--rate', '1'] training-job/own"}


@pytest.mark.parametrize("by", ["stop", "limit"])
def test_what_a_job_saves_after_sigterm_is_its_model(stack: Stack, by: str) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StopTrainingJob.html"""
    program = """
def save(*_):
    time.sleep(7)
    (base / 'model' / 'partial').write_text('half')
    sys.exit(1)
signal.signal(signal.SIGTERM, save)
print('training', flush=True)
time.sleep(600)
"""
    name = run_program(stack, f"saves-{by}", program, **({"seconds": 2} if by == "limit" else {}))
    if by == "stop":
        log = stack.home / "jobs" / name / "log"
        wait_until(lambda: log.exists() and "training" in log.read_text())
        stack.sagemaker.stop_training_job(TrainingJobName=name)
    job = stack.ended(name)
    expected = "Stopped" if by == "stop" else "MaxRuntimeExceeded"
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", expected)
    assert model_of(stack, name) == {"partial": "half"}


def test_output_data_is_kept_also_of_a_job_that_fails(stack: Stack) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html"""
    program = """
(base / 'output' / 'data').mkdir()
(base / 'output' / 'data' / 'report').write_text('r')
(base / 'output' / 'failure').write_bytes(b'\\xff' + b'x' * 5000)
sys.exit(3)
"""
    job = stack.ended(run_program(stack, "leaves-data", program))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: \ufffdxxx")
    assert len(job["FailureReason"]) == 1024
    assert keys(stack, "out/leaves-data/output/") == ["output.tar.gz"]


def test_checkpoints_are_restored_and_kept_while_the_job_runs(stack: Stack) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html"""
    stack.s3.put_object(Bucket="artifacts", Key="ck/old", Body=b"1")
    program = """
folder = base / 'checkpoints'
(folder / 'new').write_text(folder.joinpath('old').read_text() + '1')
time.sleep(600)
"""
    name = run_program(stack, "checkpoints", program, CheckpointConfig={"S3Uri": "s3://artifacts/ck/"})
    wait_until(lambda: keys(stack, "ck/") == ["new", "old"])
    assert stack.job(name)["TrainingJobStatus"] == "InProgress"
    assert stack.s3.get_object(Bucket="artifacts", Key="ck/new")["Body"].read() == b"11"
    stack.sagemaker.stop_training_job(TrainingJobName=name)


def test_a_log_of_one_endless_line_and_a_metric_that_runs_away_cost_nothing(stack: Stack) -> None:
    program = """
sys.stdout.buffer.write(b'a' * 41 + b'!\\n' + b'\\x00\\xff' * 200_000 + b'\\n loss=4\\r loss=2\\n')
(base / 'model' / 'm').write_text('m')
"""
    metrics = [{"Name": "away", "Regex": "(a|aa)+$"}, {"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    run_program(stack, "noisy", program, algorithm={"MetricDefinitions": metrics})
    job = stack.ended("noisy")
    assert job["TrainingJobStatus"] == "Completed"
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("loss", 2.0)]


def test_managed_spot_training_needs_its_longest_wait(stack: Stack) -> None:
    request = tiny.training("spot", stack.image)
    for changes in (
        {"EnableManagedSpotTraining": True},
        {
            "EnableManagedSpotTraining": True,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 10},
        },
        {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90}},
    ):
        assert refusal(stack.sagemaker.create_training_job, **{**request, **changes}) == "ValidationException"


def test_what_is_not_done_is_refused_before_anything_is_made(stack: Stack) -> None:
    request = tiny.training("piped", stack.image)
    request["AlgorithmSpecification"]["TrainingInputMode"] = "Pipe"
    assert "AlgorithmSpecification.TrainingInputMode = 'Pipe'" in refused(
        stack.sagemaker.create_training_job, **request
    )
    assert refusal(stack.job, name="piped") == "ValidationException"
    config = tiny.endpoint_config("captured", AllTraffic="m")
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 1,
        "DestinationS3Uri": "s3://b",
        "CaptureOptions": [],
    }
    capture["CaptureOptions"] = [{"CaptureMode": "Input"}]
    said = refused(stack.sagemaker.create_endpoint_config, **config, DataCaptureConfig=capture)
    assert "DataCaptureConfig.EnableCapture" in said


def test_a_failed_processing_job_keeps_what_it_uploads_continuously(stack: Stack) -> None:
    program = """
told = (base / 'config/processingjobconfig.json').exists()
(base / 'processing/output/part').write_text(str(told))
(base / 'output/message').write_text('no such column')
sys.exit(3)
"""
    request = tiny.processing("partly", stack.image, "s3://data/tiny/train/", PROGRAM=program)
    request["AppSpecification"] = {"ImageUri": stack.image, "ContainerEntrypoint": PROGRAM}
    request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3UploadMode"] = "Continuous"
    stack.sagemaker.create_processing_job(**request)

    def job() -> Any:
        return stack.sagemaker.describe_processing_job(ProcessingJobName="partly")

    wait_until(lambda: job()["ProcessingJobStatus"] in ENDED)
    assert (job()["ProcessingJobStatus"], job()["ExitMessage"]) == ("Failed", "no such column")
    assert stack.s3.get_object(Bucket="artifacts", Key="partly/part")["Body"].read() == b"True"


needs_network = pytest.mark.skipif(not network.available(), reason="this kernel gives no network namespace")
ASKS_THE_GATEWAY = """
import socket
try:
    socket.create_connection(('127.0.0.1', int(sys.argv[1])), 2)
    said = 'open'
except OSError:
    said = 'closed'
(base / 'model' / 'net').write_text(said)
"""


@needs_network
@pytest.mark.attack(
    attacker="code of a model", tries="reaching the network from an isolated job", stopped_by="a network of its own"
)
@pytest.mark.parametrize("isolated", [True, False])
def test_an_isolated_job_has_no_network(stack: Stack, isolated: bool) -> None:
    name = f"isolated-{isolated}".lower()
    run_program(stack, name, ASKS_THE_GATEWAY, arguments=(str(stack.port),), EnableNetworkIsolation=isolated)
    assert stack.ended(name)["EnableNetworkIsolation"] is isolated
    assert model_of(stack, name) == {"net": "closed" if isolated else "open"}


@needs_network
def test_servers_that_listen_on_8080_come_into_service_beside_each_other(stack: Stack) -> None:
    """AWS's own sample knows no SAGEMAKER_BIND_TO_PORT; here 8080 is in use, by two of them."""
    isolated = tiny.model("on-8080", stack.image, WHO="both")
    stack.sagemaker.create_model(**isolated, EnableNetworkIsolation=True)
    assert stack.sagemaker.describe_model(ModelName="on-8080")["EnableNetworkIsolation"] is True
    stack.sagemaker.create_endpoint_config(**tiny.endpoint_config("on-8080", Left="on-8080", Right="on-8080"))
    stack.endpoint("on-8080", "on-8080")
    for variant in ("Left", "Right"):
        answer = json.loads(stack.invoke("on-8080", TargetVariant=variant)["Body"].read())
        assert (answer["who"], answer["port"]) == ("both", "8080")


def test_a_model_that_is_not_packed_is_in_its_folder(stack: Stack) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/large-model-inference-uncompressed.html"""
    stack.s3.put_object(Bucket="artifacts", Key="raw/weights", Body=b"w")
    request = tiny.model("unpacked", stack.image)
    source = {"S3Uri": "s3://artifacts/raw/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    request["PrimaryContainer"]["ModelDataSource"] = {"S3DataSource": source}
    stack.sagemaker.create_model(**request)
    stack.sagemaker.create_endpoint_config(**tiny.endpoint_config("unpacked", AllTraffic="unpacked"))
    stack.endpoint("unpacked", "unpacked")
    assert json.loads(stack.invoke("unpacked")["Body"].read())["model"] == ["weights"]


def test_an_invocation_has_a_size(stack: Stack) -> None:
    stack.endpoint("sized", stack.config("sized"))
    with pytest.raises(ClientError, match="HTTP content length exceeded 26214400 bytes") as caught:
        stack.invoke("sized", b"x" * (26_214_400 + 1))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    with pytest.raises(ClientError, match="more than 6291456 bytes") as large:
        stack.invoke("sized", b"large")
    assert large.value.response["Error"]["Code"] == "ModelError"
    assert "TargetModel" in refused(stack.invoke, name="sized", TargetModel="a.tar.gz")


def test_lines_of_a_transform_job_travel_in_batches(stack: Stack) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html (BatchStrategy)"""
    stack.sagemaker.create_model(**tiny.model("batched", stack.image))
    stack.s3.put_object(Bucket="data", Key="batch/a.csv", Body=b"1\n2\n3\n")
    for name, strategy in (("many", {}), ("single", {"BatchStrategy": "SingleRecord"})):
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/batch/"}}
        stack.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName="batched",
            TransformInput={"DataSource": source, "SplitType": "Line"},
            TransformOutput={"S3OutputPath": f"s3://artifacts/{name}", "AssembleWith": "Line"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **strategy,
        )

    def got(name: str) -> list[str]:
        def status() -> str:
            return str(stack.sagemaker.describe_transform_job(TransformJobName=name)["TransformJobStatus"])

        wait_until(lambda: status() in ENDED)
        body = stack.s3.get_object(Bucket="artifacts", Key=f"{name}/a.csv.out")["Body"].read()
        return [json.loads(line)["got"] for line in body.splitlines()]

    assert got("many") == ["1\n2\n3\n"]
    assert got("single") == ["1\n", "2\n", "3\n"]
