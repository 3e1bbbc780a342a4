"""Transform jobs: a model server started for one job, asked for each record or file, and stopped."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from modelway_local.gateway.errors import AwsError
from modelway_local.iam.acting import Acting
from modelway_local.registry.store import ImageNotFound, UnpackedImage
from modelway_local.runtime.server import ModelServer, ServerFailed
from modelway_local.runtime.transfer import InputMissing, download, split, unpack_model
from modelway_local.sagemaker.catalogue import MODEL
from modelway_local.sagemaker.jobs import blame
from modelway_local.sagemaker.logs import JobLog
from modelway_local.sagemaker.resources import Tags, arn, in_use, missing, page
from modelway_local.sagemaker.store import Resource, Store, now

TRANSFORM = "transform-job"
HEALTH_SECONDS = 60.0


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
        kept = ("TransformJobName", "TransformJobArn", "TransformJobStatus", "CreationTime", "FailureReason")
        jobs, token = page(
            self._store.all(TRANSFORM),
            request,
            name_field="TransformJobName",
            status_field="TransformJobStatus",
            summary=lambda job: {key: job[key] for key in kept if key in job},
        )
        return {"TransformJobSummaries": jobs, "NextToken": token}

    def _end(self, name: str, status: str, reason: str = "") -> None:
        fields: Resource = {"TransformJobStatus": status, "TransformEndTime": now()}
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
        container = (self._store.get(MODEL, request["ModelName"]) or {})["PrimaryContainer"]
        (base / "model").mkdir(parents=True, exist_ok=True)
        if uri := container.get("ModelDataUrl"):
            unpack_model(self._acting.s3(self._role(request)), uri, base / "model")
        self._acting.require_pull(self._role(request), container["Image"])
        environment = {**container.get("Environment", {}), **request.get("Environment", {})}
        return ModelServer(
            self._unpack(container["Image"]),
            base_dir=base,
            environment=environment,
            interpreters=self._home / "interpreters",
            on_line=log.line,
        )

    def _transform(self, request: Resource, base: Path, server: ModelServer) -> None:
        """Each input object becomes `<name>.out` below S3OutputPath, as SageMaker names it."""
        source, target = request["TransformInput"], request["TransformOutput"]
        folder = base / "input"
        download(self._acting.s3(self._role(request)), source["DataSource"]["S3DataSource"]["S3Uri"], folder)
        headers = {"Content-Type": source.get("ContentType", "application/octet-stream")}
        if accept := target.get("Accept"):
            headers["Accept"] = accept
        bucket, prefix = split(target["S3OutputPath"])
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            answers = []
            for record in _records(path.read_bytes(), source.get("SplitType", "None")):
                if self._stopping[request["TransformJobName"]].is_set():
                    return
                answers.append(_ask(server, record, headers, path.name))
            body = (b"\n" if target.get("AssembleWith") == "Line" else b"").join(answers)
            key = f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}.out".lstrip("/")
            self._acting.s3(self._role(request)).put_object(Bucket=bucket, Key=key, Body=body)


def _records(body: bytes, split_type: str) -> list[bytes]:
    """The requests that one object makes: the whole of it, or a line each."""
    if split_type == "None":
        return [body]
    if split_type == "Line":
        return [line for line in body.splitlines() if line.strip()]
    raise TransformFailed(f"SplitType {split_type} is not done by the local stack; use None or Line")


def _ask(server: ModelServer, record: bytes, headers: dict[str, str], name: str) -> bytes:
    status, _, body = server.invoke(record, headers)
    if status >= 400:
        raise TransformFailed(f"{name}: the model answered HTTP {status}: {body.decode(errors='replace')[:500]}")
    return body
