"""Training and processing jobs: each runs its image's code as a process, and moves through SageMaker's statuses."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from modelway_local.gateway.errors import AwsError
from modelway_local.iam.acting import Acting
from modelway_local.registry.store import ImageNotFound, UnpackedImage
from modelway_local.runtime.container import Container
from modelway_local.runtime.contract import write_processing_config, write_training_config
from modelway_local.runtime.network import OwnNetwork
from modelway_local.runtime.rooted import CANNOT_ISOLATE
from modelway_local.runtime.transfer import (
    InputEmpty,
    InputMissing,
    Mirror,
    NotAFolder,
    download,
    holds_files,
    upload_archive,
)
from modelway_local.sagemaker.isolation import isolated
from modelway_local.sagemaker.logs import JobLog
from modelway_local.sagemaker.metrics import Metrics
from modelway_local.sagemaker.resources import REGION, Tags, arn, in_use, missing, page
from modelway_local.sagemaker.store import Resource, Store, now

TRAINING, PROCESSING = "training-job", "processing-job"
FAILURE_REASON_MAXIMUM = 1024
DEFAULT_RUNTIME_SECONDS = 86_400
# Between SIGTERM and SIGKILL; what a training has saved by then is uploaded (API_StopTrainingJob.html).
STOP_GRACE_SECONDS = 120.0
# How often checkpoints and continuous outputs are copied while a job runs.
COPY_SECONDS = 2.0
CHECKPOINTS = "/opt/ml/checkpoints"
Unpack = Callable[[str], UnpackedImage]


class JobFailed(Exception):
    """Raised inside a job's thread with the reason that Describe will give."""


def blame(error: Exception) -> str:
    """Whose fault it is: a right that the job's role lacks is the client's."""
    denied = isinstance(error, ClientError | S3UploadFailedError) and re.search(r"\((AccessDenied|403)\)", str(error))
    return "ClientError" if denied else "InternalServerError"


class Jobs:
    """Operations on training and processing jobs. One thread follows each running job."""

    def __init__(self, store: Store, home: Path, acting: Acting, unpack: Unpack) -> None:
        self._store, self._home, self._acting, self._unpack = store, home, acting, unpack
        self._tags = Tags(store)
        self._stopping: dict[str, threading.Event] = {}
        self._fail_orphans()

    def _fail_orphans(self) -> None:
        """Jobs that ran when the gateway was killed died with it; say so, so that a retry starts a new one."""
        reason = "InternalServerError: the local stack was stopped while the job ran; start it again"
        for kind, prefix in ((TRAINING, "TrainingJob"), (PROCESSING, "ProcessingJob")):
            shutil.rmtree(self._home / "work" / kind, ignore_errors=True)
            for job in self._store.all(kind):
                if job[f"{prefix}Status"] in {"InProgress", "Stopping"}:
                    ended = {f"{prefix}Status": "Failed", "FailureReason": reason, f"{prefix[:-3]}EndTime": now()}
                    self._store.change(kind, job["_Name"], **ended, SecondaryStatus="Failed")

    # Operations

    def create_training_job(self, request: Resource) -> Resource:
        """CreateTrainingJob."""
        if not request.get("AlgorithmSpecification", {}).get("TrainingImage"):
            raise AwsError("ValidationException", "AlgorithmSpecification.TrainingImage is needed by the local stack.")
        if not request.get("ResourceConfig", {}).get("InstanceType"):
            raise AwsError("ValidationException", "ResourceConfig must name an InstanceType.")
        _check_waiting(request)
        if (local := request.get("CheckpointConfig", {}).get("LocalPath")) is not None:
            _require_below_base("CheckpointConfig.LocalPath", local)
        # The address is where the model will be, as Describe names it from the start.
        artifacts = {"S3ModelArtifacts": _output_uri(request, "model.tar.gz")}
        fields = {"SecondaryStatus": "Starting", "SecondaryStatusTransitions": [], "ModelArtifacts": artifacts}
        return self._create(TRAINING, "TrainingJob", request, fields, self._train)

    def create_processing_job(self, request: Resource) -> Resource:
        """CreateProcessingJob."""
        for item in request.get("ProcessingInputs", []):
            _require_below_base("ProcessingInputs.S3Input.LocalPath", item.get("S3Input", {}).get("LocalPath"))
        for item in _outputs(request):
            _require_below_base("ProcessingOutputConfig.Outputs.S3Output.LocalPath", item["LocalPath"])
        return self._create(PROCESSING, "ProcessingJob", request, {}, self._process)

    def _create(
        self, kind: str, prefix: str, request: Resource, fields: Resource, run: Callable[[Resource], None]
    ) -> Resource:
        name = request[f"{prefix}Name"]
        job_arn = arn(kind, name)
        with self._store.lock:
            if self._store.get(kind, name):
                raise in_use(prefix, name)
            body = {key: value for key, value in request.items() if key != "Tags"}
            created = {f"{prefix}Arn": job_arn, f"{prefix}Status": "InProgress", "CreationTime": now()}
            self._store.put(kind, name, {**body, **fields, **created, "LastModifiedTime": now()})
            self._tags.set(job_arn, request.get("Tags", []))
            self._stopping[f"{kind}/{name}"] = threading.Event()
        threading.Thread(target=run, args=(request,), name=name, daemon=True).start()
        return {f"{prefix}Arn": job_arn}

    def describe_training_job(self, request: Resource) -> Resource:
        """DescribeTrainingJob."""
        return self._describe(TRAINING, request["TrainingJobName"])

    def describe_processing_job(self, request: Resource) -> Resource:
        """DescribeProcessingJob."""
        return self._describe(PROCESSING, request["ProcessingJobName"])

    def _describe(self, kind: str, name: str) -> Resource:
        job = self._store.get(kind, name)
        if job is None:
            raise (
                AwsError("ValidationException", "Requested resource not found.")
                if kind == TRAINING
                else missing(kind, name)
            )
        return job

    def stop_training_job(self, request: Resource) -> Resource:
        """StopTrainingJob."""
        return self._stop(TRAINING, "TrainingJob", request)

    def stop_processing_job(self, request: Resource) -> Resource:
        """StopProcessingJob."""
        return self._stop(PROCESSING, "ProcessingJob", request)

    def _stop(self, kind: str, prefix: str, request: Resource) -> Resource:
        name = request[f"{prefix}Name"]
        with self._store.lock:
            status = self._describe(kind, name)[f"{prefix}Status"]
            if status != "InProgress":
                message = f"The request was rejected because the {prefix} {name} is in status {status}."
                raise AwsError("ValidationException", message)
            self._store.change(kind, name, **{f"{prefix}Status": "Stopping"}, LastModifiedTime=now())
            self._stopping[f"{kind}/{name}"].set()
        return {}

    def list_training_jobs(self, request: Resource) -> Resource:
        """ListTrainingJobs."""
        return self._list(TRAINING, "TrainingJob", request)

    def list_processing_jobs(self, request: Resource) -> Resource:
        """ListProcessingJobs."""
        return self._list(PROCESSING, "ProcessingJob", request)

    def _list(self, kind: str, prefix: str, request: Resource) -> Resource:
        end = f"{prefix.removesuffix('Job')}EndTime"
        kept = [f"{prefix}Name", f"{prefix}Arn", f"{prefix}Status", "CreationTime", end, "LastModifiedTime"]
        if kind == PROCESSING:
            kept += ["FailureReason", "ExitMessage"]
        jobs, token = page(
            self._store.all(kind),
            request,
            name_field=f"{prefix}Name",
            status_field=f"{prefix}Status",
            order="Ascending",
            summary=lambda job: {key: job[key] for key in kept if key in job},
        )
        return {f"{prefix}Summaries": jobs, "NextToken": token}

    # Training

    def _train(self, request: Resource) -> None:
        name = request["TrainingJobName"]
        base = self._folder(TRAINING, name)
        logs, file = self._acting.logs(request["RoleArn"]), self._home / "jobs" / name / "log"
        log = JobLog(logs, "/aws/sagemaker/TrainingJobs", _stream(name), file)
        metrics = Metrics(request["AlgorithmSpecification"].get("MetricDefinitions", []), log.line)

        def line(text: str) -> None:
            log.line(text)
            metrics.line(text)

        started = time.monotonic()
        try:
            self._secondary(name, "Downloading", "Downloading the image and the input data", TrainingStartTime=now())
            image = self._image(request["AlgorithmSpecification"]["TrainingImage"], request["RoleArn"])
            self._channels(request, base)
            copied = self._checkpoints(request, base)
            write_training_config(request, base)
            self._secondary(name, "Training", "Training image download completed. Training in progress.")
            entrypoint, arguments = _training_command(request["AlgorithmSpecification"])
            alone = isolated(request.get("EnableNetworkIsolation"), log.line)
            code = self._run(TRAINING, request, image, entrypoint, arguments, base, log, line, copied, alone)
            seconds = int(time.monotonic() - started)
            billed = {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
            self._store.change(TRAINING, name, FinalMetricDataList=metrics.final(), **billed)
            self._after_training(request, base, code, log)
        except JobFailed as error:
            self._end_training(name, "Failed", "Failed", str(error)[:FAILURE_REASON_MAXIMUM], log)
        except Exception as error:  # noqa: BLE001 - whatever breaks here is the platform's fault, and Describe says so
            self._end_training(name, "Failed", "Failed", f"{blame(error)}: {error}"[:FAILURE_REASON_MAXIMUM], log)
        finally:
            log.close()
            shutil.rmtree(base, ignore_errors=True)

    def _after_training(self, request: Resource, base: Path, code: int | None, log: JobLog) -> None:
        """What the job leaves goes to S3: its output data always, its model unless it failed.

        Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html
        """
        name = request["TrainingJobName"]
        model, data = base / "model", base / "output" / "data"
        try:
            if holds_files(data):
                upload_archive(self._acting.s3(request["RoleArn"]), data, _output_uri(request, "output.tar.gz"))
            if code:
                raise JobFailed(_algorithm_error(base, code, log.lines))
            if code == 0 or holds_files(model):
                self._secondary(name, "Uploading", "Uploading generated training model")
                upload_archive(self._acting.s3(request["RoleArn"]), model, _output_uri(request, "model.tar.gz"))
        except NotAFolder as error:
            raise JobFailed(f"AlgorithmError: {error}") from error
        if code == 0:
            self._end_training(name, "Completed", "Completed", "", log)
        else:
            stopped = self._stopping[f"{TRAINING}/{name}"].is_set()
            self._end_training(name, "Stopped", "Stopped" if stopped else "MaxRuntimeExceeded", "", log)

    def _channels(self, request: Resource, base: Path) -> None:
        for channel in request.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            try:
                download(
                    self._acting.s3(request["RoleArn"]),
                    source["S3Uri"],
                    base / "input" / "data" / channel["ChannelName"],
                    source["S3DataType"],
                )
            except InputMissing as error:
                raise JobFailed(f"ClientError: Data download failed: {error}") from error

    def _checkpoints(self, request: Resource, base: Path) -> list[Mirror]:
        """What is there is restored before the job starts, and what it writes is copied while it runs.

        Source: https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html
        """
        config = request.get("CheckpointConfig")
        if config is None:
            return []
        folder = _under_base(base, config.get("LocalPath", CHECKPOINTS))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            download(self._acting.s3(request["RoleArn"]), f"{config['S3Uri'].rstrip('/')}/", folder)
        except InputEmpty:
            pass  # the first of its kind has none
        except InputMissing as error:
            raise JobFailed(f"ClientError: Checkpoints could not be restored: {error}") from error
        mirror = Mirror(self._acting.s3(request["RoleArn"]), base, folder, config["S3Uri"])
        mirror.known()
        return [mirror]

    def _secondary(self, name: str, status: str, message: str, **fields: Any) -> None:
        with self._store.lock:
            job = self._store.get(TRAINING, name) or {}
            transitions = list(job.get("SecondaryStatusTransitions", []))
            if transitions:
                transitions[-1] = {**transitions[-1], "EndTime": now()}
            transitions.append({"Status": status, "StartTime": now(), "StatusMessage": message})
            fields |= {"SecondaryStatus": status, "SecondaryStatusTransitions": transitions, "LastModifiedTime": now()}
            self._store.change(TRAINING, name, **fields)

    def _end_training(self, name: str, status: str, secondary: str, reason: str, log: JobLog) -> None:
        if reason:
            log.line(reason)
        with self._store.lock:
            self._secondary(name, secondary, reason or f"Training job {status.lower()}")
            fields: Resource = {"TrainingJobStatus": status, "TrainingEndTime": now()}
            self._store.change(TRAINING, name, **fields, **({"FailureReason": reason} if reason else {}))

    # Processing

    def _process(self, request: Resource) -> None:
        name = request["ProcessingJobName"]
        base = self._folder(PROCESSING, name)
        logs, file = self._acting.logs(request["RoleArn"]), self._home / "jobs" / name / "log"
        log = JobLog(logs, "/aws/sagemaker/ProcessingJobs", _stream(name), file)
        ended: Resource = {"ProcessingJobStatus": "Completed"}
        try:
            self._store.change(PROCESSING, name, ProcessingStartTime=now())
            app = request["AppSpecification"]
            image = self._image(app["ImageUri"], request["RoleArn"])
            self._processing_inputs(request, base)
            write_processing_config(request, arn(PROCESSING, name), base)
            copied = _continuous(self._acting.s3(request["RoleArn"]), request, base)
            alone = isolated(request.get("NetworkConfig", {}).get("EnableNetworkIsolation"), log.line)
            entrypoint, arguments = app.get("ContainerEntrypoint"), app.get("ContainerArguments")
            code = self._run(PROCESSING, request, image, entrypoint, arguments, base, log, log.line, copied, alone)
            message = _exit_message(base)
            if message:
                ended["ExitMessage"] = message
            if code is None:
                ended["ProcessingJobStatus"] = "Stopped"
            elif code != 0:
                raise JobFailed(f"AlgorithmError: {message or _last_words(log.lines)}, exit code: {code}")
            else:
                self._processing_outputs(request, base)
        except JobFailed as error:
            ended |= {"ProcessingJobStatus": "Failed", "FailureReason": str(error)[:FAILURE_REASON_MAXIMUM]}
        except Exception as error:  # noqa: BLE001 - as for training
            reason = f"{blame(error)}: {error}"[:FAILURE_REASON_MAXIMUM]
            ended |= {"ProcessingJobStatus": "Failed", "FailureReason": reason}
        finally:
            log.close()
            self._store.change(PROCESSING, name, **ended, ProcessingEndTime=now(), LastModifiedTime=now())
            shutil.rmtree(base, ignore_errors=True)

    def _processing_inputs(self, request: Resource, base: Path) -> None:
        for item in request.get("ProcessingInputs", []):
            source = item["S3Input"]
            try:
                download(
                    self._acting.s3(request["RoleArn"]),
                    source["S3Uri"],
                    _under_base(base, source["LocalPath"]),
                    source["S3DataType"],
                )
            except InputMissing as error:
                raise JobFailed(
                    f"ClientError: Failed to download data for input {item['InputName']}: {error}"
                ) from error
        for item in _outputs(request):
            _under_base(base, item["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _processing_outputs(self, request: Resource, base: Path) -> None:
        for item in _outputs(request):
            if item["S3UploadMode"] != "Continuous":
                Mirror(
                    self._acting.s3(request["RoleArn"]), base, _under_base(base, item["LocalPath"]), item["S3Uri"]
                ).send()

    # Both

    def _folder(self, kind: str, name: str) -> Path:
        base = self._home / "work" / kind / name
        shutil.rmtree(base, ignore_errors=True)
        for part in ("input/config", "input/data", "model", "output", "code"):
            (base / part).mkdir(parents=True)
        return base

    def _image(self, uri: str, role: str) -> UnpackedImage:
        try:
            self._acting.require_pull(role, uri)
            return self._unpack(uri)
        except ImageNotFound as error:
            raise JobFailed(f"ClientError: Cannot pull the image {uri}: {error}") from error

    def _run(
        self,
        kind: str,
        request: Resource,
        image: UnpackedImage,
        entrypoint: list[str] | None,
        arguments: list[str] | None,
        base: Path,
        log: JobLog,
        on_line: Callable[[str], None],
        copied: Sequence[Mirror],
        alone: bool,
    ) -> int | None:
        """Exit code; None when stopped or out of time. What is `copied` goes to S3 meanwhile, and at the end."""
        prefix = "Training" if kind == TRAINING else "Processing"
        name = request[f"{prefix}JobName"]
        limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS)
        given = {f"{prefix.upper()}_JOB_NAME": name, f"{prefix.upper()}_JOB_ARN": arn(kind, name), "AWS_REGION": REGION}
        due = [time.monotonic() + COPY_SECONDS]

        def copy() -> None:
            if copied and time.monotonic() > due[0]:
                for mirror in copied:
                    mirror.send()
                due[0] = time.monotonic() + COPY_SECONDS

        try:
            container = Container(
                image,
                arguments,
                base_dir=base,
                environment={**given, **request.get("Environment", {})},
                interpreters=self._home / "interpreters",
                entrypoint=entrypoint,
                on_line=on_line,
                network=OwnNetwork() if alone else None,
            )
            container.start()
        except OSError as error:
            raise JobFailed(f"ClientError: the container's command could not be started: {error}") from error
        code = container.wait(limit, self._stopping[f"{kind}/{name}"], grace=STOP_GRACE_SECONDS, tick=copy)
        for mirror in copied:
            mirror.send()
        if code == CANNOT_ISOLATE and (image.has_base or alone):
            raise JobFailed(f"InternalServerError: {_last_words(log.lines)}")
        return code


def _training_command(algorithm: Resource) -> tuple[list[str] | None, list[str]]:
    """(entry point, arguments): the image's own with `train`, unless the request gives either.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AlgorithmSpecification.html
    """
    entrypoint, arguments = algorithm.get("ContainerEntrypoint"), algorithm.get("ContainerArguments")
    if entrypoint is None and arguments is None:
        return None, ["train"]
    return entrypoint, arguments or []


def _check_waiting(request: Resource) -> None:
    """Managed spot training and its longest wait belong together, as SageMaker has it (API_StoppingCondition.html)."""
    stopping = request.get("StoppingCondition", {})
    wait, runtime = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS)
    if wait is None and request.get("EnableManagedSpotTraining"):
        raise AwsError(
            "ValidationException", "MaxWaitTimeInSeconds must be given when EnableManagedSpotTraining is true."
        )
    if wait is not None and not request.get("EnableManagedSpotTraining"):
        raise AwsError("ValidationException", "MaxWaitTimeInSeconds needs EnableManagedSpotTraining to be true.")
    if wait is not None and wait < runtime:
        message = f"Invalid MaxWaitTimeInSeconds {wait}: it must be at least MaxRuntimeInSeconds, {runtime}."
        raise AwsError("ValidationException", message)


def _require_below_base(field: str, local_path: str | None) -> None:
    """A folder of the container that is filled or read must lie below /opt/ml: it is all that is mounted."""
    if local_path is None or (local_path.startswith("/opt/ml/") and ".." not in local_path.split("/")):
        return
    raise AwsError("ValidationException", f"{field} must lie below /opt/ml, not at {local_path}.")


def _outputs(request: Resource) -> list[Resource]:
    return [
        item["S3Output"] for item in request.get("ProcessingOutputConfig", {}).get("Outputs", []) if "S3Output" in item
    ]


def _continuous(s3: Any, request: Resource, base: Path) -> list[Mirror]:
    """The outputs that are copied while the job runs, so that what a job wrote before it failed is kept."""
    return [
        Mirror(s3, base, _under_base(base, item["LocalPath"]), item["S3Uri"])
        for item in _outputs(request)
        if item["S3UploadMode"] == "Continuous"
    ]


def _under_base(base: Path, local_path: str) -> Path:
    """A path of the container, which must lie below /opt/ml, in the job's folder."""
    inside = base / local_path.removeprefix("/opt/ml").lstrip("/")
    if not local_path.startswith("/opt/ml/") or not inside.resolve().is_relative_to(base.resolve()):
        raise JobFailed(f"ClientError: LocalPath must be below /opt/ml, not {local_path!r}")
    return inside


def _output_uri(request: Resource, name: str) -> str:
    return f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{request['TrainingJobName']}/output/{name}"


def _stream(name: str) -> str:
    return f"{name}/algo-1-{int(time.time())}"


def _first_kilobyte(base: Path, name: str) -> bytes:
    """How a container's own words begin; not through a link out of its folder, which may name any file of ours."""
    path = (base / name).resolve()
    if not path.is_file() or not path.is_relative_to(base.resolve()):
        return b""
    with path.open("rb") as file:
        return file.read(4 * FAILURE_REASON_MAXIMUM)


def _exit_message(base: Path) -> str:
    """The processing container's message. Raises JobFailed when it is not UTF-8, as SageMaker fails such a job.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-metadata.html
    """
    words = _first_kilobyte(base, "output/message")
    try:
        # The last character may be cut in two.
        text = words.decode("utf-8", errors="strict" if len(words) < 4 * FAILURE_REASON_MAXIMUM else "ignore")
    except UnicodeDecodeError as error:
        raise JobFailed("ClientError: /opt/ml/output/message is not UTF-8") from error
    return text.strip()[:FAILURE_REASON_MAXIMUM]


def _last_words(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "the container printed nothing")


def _algorithm_error(base: Path, code: int, lines: Sequence[str]) -> str:
    said = _first_kilobyte(base, "output/failure").decode(errors="replace").strip()
    return f"AlgorithmError: {said or _last_words(lines)}, exit code: {code}"[:FAILURE_REASON_MAXIMUM]
