"""Training and processing jobs: each runs its image's code as a process, and moves through SageMaker's statuses."""

from __future__ import annotations

import math
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from modelway_local.gateway.errors import AwsError
from modelway_local.iam.acting import Acting
from modelway_local.registry.store import ImageNotFound, UnpackedImage
from modelway_local.runtime.container import Container
from modelway_local.runtime.contract import write_training_config
from modelway_local.runtime.rooted import CANNOT_ISOLATE
from modelway_local.runtime.transfer import InputMissing, NotAFolder, download, upload, upload_model
from modelway_local.sagemaker.logs import JobLog
from modelway_local.sagemaker.resources import Tags, arn, in_use, missing, page
from modelway_local.sagemaker.store import Resource, Store, now

TRAINING, PROCESSING = "training-job", "processing-job"
FAILURE_REASON_MAXIMUM = 1024
DEFAULT_RUNTIME_SECONDS = 86_400
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
        # The address is where the model will be, as Describe names it from the start.
        artifacts = {"S3ModelArtifacts": _model_uri(request)}
        fields = {"SecondaryStatus": "Starting", "SecondaryStatusTransitions": [], "ModelArtifacts": artifacts}
        return self._create(TRAINING, "TrainingJob", request, fields, self._train)

    def create_processing_job(self, request: Resource) -> Resource:
        """CreateProcessingJob."""
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
        started = time.monotonic()
        try:
            self._secondary(name, "Downloading", "Downloading the image and the input data", TrainingStartTime=now())
            image = self._image(request["AlgorithmSpecification"]["TrainingImage"], request["RoleArn"])
            self._channels(request, base)
            write_training_config(request, base)
            self._secondary(name, "Training", "Training image download completed. Training in progress.")
            code = self._run(TRAINING, request, image, ["train"], base, log, "Training")
            self._after_training(request, base, code, log, int(time.monotonic() - started))
        except JobFailed as error:
            self._end_training(name, "Failed", "Failed", str(error)[:FAILURE_REASON_MAXIMUM], log)
        except Exception as error:  # noqa: BLE001 - whatever breaks here is the platform's fault, and Describe says so
            self._end_training(name, "Failed", "Failed", f"{blame(error)}: {error}"[:FAILURE_REASON_MAXIMUM], log)
        finally:
            log.close()
            shutil.rmtree(base, ignore_errors=True)

    def _after_training(self, request: Resource, base: Path, code: int | None, log: JobLog, seconds: int) -> None:
        name = request["TrainingJobName"]
        final = final_metrics(request["AlgorithmSpecification"].get("MetricDefinitions", []), log.lines)
        self._store.change(
            TRAINING, name, FinalMetricDataList=final, TrainingTimeInSeconds=seconds, BillableTimeInSeconds=seconds
        )
        if code is None:
            stopped = self._stopping[f"{TRAINING}/{name}"].is_set()
            self._end_training(name, "Stopped", "Stopped" if stopped else "MaxRuntimeExceeded", "", log)
            return
        if code != 0:
            raise JobFailed(_algorithm_error(base, code, log.lines))
        model_dir = base / "model"
        self._secondary(name, "Uploading", "Uploading generated training model")
        try:
            upload_model(self._acting.s3(request["RoleArn"]), model_dir, _model_uri(request))
        except NotAFolder as error:
            raise JobFailed(f"AlgorithmError: {error}") from error
        self._end_training(name, "Completed", "Completed", "", log)

    def _channels(self, request: Resource, base: Path) -> None:
        for channel in request.get("InputDataConfig", []):
            uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
            try:
                download(self._acting.s3(request["RoleArn"]), uri, base / "input" / "data" / channel["ChannelName"])
            except InputMissing as error:
                raise JobFailed(f"ClientError: Data download failed: {error}") from error

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
            image = self._image(request["AppSpecification"]["ImageUri"], request["RoleArn"])
            self._processing_inputs(request, base)
            arguments = request["AppSpecification"].get("ContainerArguments", [])
            code = self._run(PROCESSING, request, image, arguments, base, log, "Processing")
            message = _read(base, "output/message")
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
                download(self._acting.s3(request["RoleArn"]), source["S3Uri"], _under_base(base, source["LocalPath"]))
            except InputMissing as error:
                raise JobFailed(
                    f"ClientError: Failed to download data for input {item['InputName']}: {error}"
                ) from error
        for item in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
            _under_base(base, item["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _processing_outputs(self, request: Resource, base: Path) -> None:
        for item in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
            target = item["S3Output"]
            upload(self._acting.s3(request["RoleArn"]), _under_base(base, target["LocalPath"]), target["S3Uri"])

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
        arguments: list[str],
        base: Path,
        log: JobLog,
        prefix: str,
    ) -> int | None:
        """Exit code; None when stopped or out of time."""
        name = request[f"{prefix}JobName"]
        limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS)
        try:
            container = Container(
                image,
                arguments,
                base_dir=base,
                environment={**request.get("Environment", {}), f"{prefix.upper()}_JOB_NAME": name},
                interpreters=self._home / "interpreters",
                entrypoint=request.get("AppSpecification", {}).get("ContainerEntrypoint"),
                on_line=log.line,
            )
            container.start()
        except OSError as error:
            raise JobFailed(f"ClientError: the container's command could not be started: {error}") from error
        code = container.wait(limit, self._stopping[f"{kind}/{name}"])
        if code == CANNOT_ISOLATE and image.has_base:
            raise JobFailed(f"InternalServerError: {_last_words(log.lines)}")
        return code


def _under_base(base: Path, local_path: str) -> Path:
    """A path of the container, which must lie below /opt/ml, in the job's folder."""
    inside = base / local_path.removeprefix("/opt/ml").lstrip("/")
    if not local_path.startswith("/opt/ml/") or not inside.resolve().is_relative_to(base.resolve()):
        raise JobFailed(f"ClientError: LocalPath must be below /opt/ml, not {local_path!r}")
    return inside


def _model_uri(request: Resource) -> str:
    return f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{request['TrainingJobName']}/output/model.tar.gz"


def _stream(name: str) -> str:
    return f"{name}/algo-1-{int(time.time())}"


def _read(base: Path, name: str) -> str:
    """A container's own words; not through a link out of its folder, which may name any file of ours."""
    path = (base / name).resolve()
    sound = path.is_file() and path.is_relative_to(base.resolve())
    return path.read_text(errors="replace").strip()[:FAILURE_REASON_MAXIMUM] if sound else ""


def _last_words(lines: list[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "the container printed nothing")


def _algorithm_error(base: Path, code: int, lines: list[str]) -> str:
    return f"AlgorithmError: {_read(base, 'output/failure') or _last_words(lines)}, exit code: {code}"[
        :FAILURE_REASON_MAXIMUM
    ]


def final_metrics(definitions: list[dict[str, str]], lines: list[str]) -> list[dict[str, Any]]:
    """FinalMetricDataList: the last match of each definition's one group in the log's lines, when it is a number."""
    found = []
    for definition in definitions:
        pattern = re.compile(definition["Regex"])
        matches = [match for line in lines if (match := pattern.search(line)) and match.groups()]
        if matches:
            try:
                value = float(matches[-1].group(1))
            except ValueError:
                continue
            if not math.isfinite(value):
                continue
            found.append({"MetricName": definition["Name"], "Value": value, "Timestamp": now()})
    return found
