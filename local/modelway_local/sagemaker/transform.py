"""Transform jobs: a model server started for one job, asked for each record or file, and stopped."""

from __future__ import annotations

import gzip
import shutil
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import urllib3

from modelway_local.gateway.errors import AwsError
from modelway_local.iam.acting import Acting
from modelway_local.registry.store import ImageNotFound, UnpackedImage
from modelway_local.runtime.contract import batch_environment
from modelway_local.runtime.server import AnswerTooLarge, ModelServer, ServerFailed
from modelway_local.runtime.transfer import InputMissing, download, fetch_model, split
from modelway_local.sagemaker.catalogue import MODEL
from modelway_local.sagemaker.isolation import isolated
from modelway_local.sagemaker.jobs import blame
from modelway_local.sagemaker.logs import JobLog
from modelway_local.sagemaker.resources import REGION, Tags, arn, in_use, missing, page
from modelway_local.sagemaker.store import Resource, Store, now

TRANSFORM = "transform-job"
HEALTH_SECONDS = 60.0
# Where the request gives nothing (API_CreateTransformJob.html, API_ModelClientConfig.html).
PAYLOAD_MB, INVOKE_SECONDS, RETRIES = 6, 600, 0
MEGABYTE = 1024 * 1024
ANSWER_MAXIMUM_BYTES = 100 * MEGABYTE


class TransformFailed(Exception):
    """Raised inside a job's thread with the reason that Describe will give."""


class TransformJobs:
    """Operations on transform jobs. A killed gateway leaves them Failed."""

    def __init__(self, store: Store, home: Path, acting: Acting, unpack: Callable[[str], UnpackedImage]) -> None:
        self._store, self._home, self._acting, self._unpack = store, home, acting, unpack
        self._tags = Tags(store)
        self._stopping: dict[str, threading.Event] = {}
        for job in store.all(TRANSFORM):
            if job["TransformJobStatus"] in {"InProgress", "Stopping"}:
                reason = "InternalServerError: the local stack was stopped while the job ran; start it again"
                self._end(job["TransformJobName"], "Failed", reason)

    def create_transform_job(self, request: Resource) -> Resource:
        """CreateTransformJob; the model must exist."""
        name = request["TransformJobName"]
        with self._store.lock:
            if self._store.get(TRANSFORM, name):
                raise in_use("TransformJob", name)
            if self._store.get(MODEL, request["ModelName"]) is None:
                raise missing(MODEL, request["ModelName"])
            body = {key: value for key, value in request.items() if key != "Tags"}
            fields = {"TransformJobArn": arn(TRANSFORM, name), "TransformJobStatus": "InProgress"}
            self._store.put(TRANSFORM, name, {**body, **fields, "CreationTime": now()})
            self._tags.set(arn(TRANSFORM, name), request.get("Tags", []))
            self._stopping[name] = threading.Event()
        threading.Thread(target=self._run, args=(request,), name=name, daemon=True).start()
        return {"TransformJobArn": arn(TRANSFORM, name)}

    def describe_transform_job(self, request: Resource) -> Resource:
        """DescribeTransformJob."""
        job = self._store.get(TRANSFORM, request["TransformJobName"])
        if job is None:
            raise missing(TRANSFORM, request["TransformJobName"])
        return job

    def stop_transform_job(self, request: Resource) -> Resource:
        """StopTransformJob."""
        with self._store.lock:
            job = self.describe_transform_job(request)
            if job["TransformJobStatus"] != "InProgress":
                message = f"The TransformJob {job['TransformJobName']} is in status {job['TransformJobStatus']}."
                raise AwsError("ValidationException", message)
            self._store.change(TRANSFORM, job["TransformJobName"], TransformJobStatus="Stopping")
            self._stopping[job["TransformJobName"]].set()
        return {}

    def list_transform_jobs(self, request: Resource) -> Resource:
        """ListTransformJobs."""
        kept = (
            "TransformJobName",
            "TransformJobArn",
            "TransformJobStatus",
            "CreationTime",
            "LastModifiedTime",
            "TransformEndTime",
            "FailureReason",
        )
        jobs, token = page(
            self._store.all(TRANSFORM),
            request,
            name_field="TransformJobName",
            status_field="TransformJobStatus",
            summary=lambda job: {key: job[key] for key in kept if key in job},
        )
        return {"TransformJobSummaries": jobs, "NextToken": token}

    def _end(self, name: str, status: str, reason: str = "") -> None:
        fields: Resource = {"TransformJobStatus": status, "TransformEndTime": now(), "LastModifiedTime": now()}
        self._store.change(TRANSFORM, name, **fields, **({"FailureReason": reason[:1024]} if reason else {}))

    def _run(self, request: Resource) -> None:
        name = request["TransformJobName"]
        base = self._home / "work" / TRANSFORM / name
        stream = f"{name}/transform"
        logs, file = self._acting.logs(self._role(request)), self._home / "jobs" / name / "log"
        log = JobLog(logs, "/aws/sagemaker/TransformJobs", stream, file)
        server: ModelServer | None = None
        try:
            self._store.change(TRANSFORM, name, TransformStartTime=now())
            server = self._server(request, base, log)
            server.start(HEALTH_SECONDS)
            self._transform(request, base, server)
            self._end(name, "Stopped" if self._stopping[name].is_set() else "Completed")
        except (TransformFailed, ServerFailed, InputMissing, ImageNotFound) as error:
            self._end(name, "Failed", f"ClientError: {error}")
        except Exception as error:  # noqa: BLE001 - whatever breaks here is the platform's fault, and Describe says so
            self._end(name, "Failed", f"{blame(error)}: {error}")
        finally:
            if server is not None:
                server.close()
            log.close()
            shutil.rmtree(base, ignore_errors=True)

    def _role(self, request: Resource) -> str:
        """A transform job runs as its model's role."""
        return str((self._store.get(MODEL, request["ModelName"]) or {}).get("ExecutionRoleArn") or "")

    def _server(self, request: Resource, base: Path, log: JobLog) -> ModelServer:
        model = self._store.get(MODEL, request["ModelName"])
        if model is None:
            raise TransformFailed(f"Could not find model {request['ModelName']}")
        container = model["PrimaryContainer"]
        (base / "model").mkdir(parents=True, exist_ok=True)
        fetch_model(self._acting.s3(self._role(request)), container, base / "model")
        self._acting.require_pull(self._role(request), container["Image"])
        given = {"AWS_REGION": REGION, **batch_environment(request)}
        environment = {**given, **container.get("Environment", {}), **request.get("Environment", {})}
        return ModelServer(
            self._unpack(container["Image"]),
            base_dir=base,
            environment=environment,
            interpreters=self._home / "interpreters",
            on_line=log.line,
            isolated=isolated(model.get("EnableNetworkIsolation"), log.line, serving=True),
        )

    def _transform(self, request: Resource, base: Path, server: ModelServer) -> None:
        """Each input object becomes `<name>.out` below S3OutputPath, as SageMaker names it."""
        source, target = request["TransformInput"], request["TransformOutput"]
        folder = base / "input"
        objects = source["DataSource"]["S3DataSource"]
        download(self._acting.s3(self._role(request)), objects["S3Uri"], folder, objects["S3DataType"])
        headers = {"Content-Type": source.get("ContentType", "application/octet-stream")}
        if accept := target.get("Accept"):
            headers["Accept"] = accept
        bucket, prefix = split(target["S3OutputPath"])
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            answers = []
            body = _unpacked(path, source.get("CompressionType", "None"))
            for payload in _payloads(body, request, path.name):
                if self._stopping[request["TransformJobName"]].is_set():
                    return
                answers.append(_ask(server, payload, headers, path.name, request.get("ModelClientConfig", {})))
            assembled = (b"\n" if target.get("AssembleWith") == "Line" else b"").join(answers)
            key = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}.out".lstrip("/")
            self._acting.s3(self._role(request)).put_object(Bucket=bucket, Key=key, Body=assembled)


def _unpacked(path: Path, compression: str) -> bytes:
    if compression != "Gzip":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise TransformFailed(f"{path.name} is not gzip: {error}") from error


def _payloads(body: bytes, request: Resource, name: str) -> Iterator[bytes]:
    """The requests that one object makes: the whole of it, a line each, or as many whole lines as a request may hold.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html (BatchStrategy)
    """
    limit = request.get("MaxPayloadInMB", PAYLOAD_MB) * MEGABYTE or len(body)  # 0: no limit
    if request["TransformInput"].get("SplitType", "None") == "None":
        records, single = [body], True
    else:
        records, single = body.splitlines(keepends=True), request.get("BatchStrategy") == "SingleRecord"
    batch = b""
    for record in records:
        if len(record) > limit:
            raise TransformFailed(f"{name}: a record of {len(record)} bytes is larger than MaxPayloadInMB allows")
        if batch and (single or len(batch) + len(record) > limit):
            yield batch
            batch = b""
        batch += record
    if batch or not records:
        yield batch


def _ask(server: ModelServer, payload: bytes, headers: dict[str, str], name: str, client: Resource) -> bytes:
    """The container's answer. Raises TransformFailed when it refuses each time that it is asked."""
    seconds = client.get("InvocationsTimeoutInSeconds", INVOKE_SECONDS)
    said = ""
    for _ in range(1 + client.get("InvocationsMaxRetries", RETRIES)):
        try:
            status, _, body = server.invoke(payload, headers, seconds, ANSWER_MAXIMUM_BYTES)
        except urllib3.exceptions.TimeoutError:
            said = f"no answer within {seconds} s"
            continue
        except (urllib3.exceptions.HTTPError, AnswerTooLarge) as error:
            said = f"no answer: {error}"
            continue
        if status < 400:
            return body
        said = f"the model answered HTTP {status}: {body.decode(errors='replace')[:500]}"
        if status < 500:
            break
    raise TransformFailed(f"{name}: {said}")
