"""Lambda's Invoke: the real handlers in warm child processes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Answer, Request, json_answer, read_json
from modelway_local.iam.credentials import Keyring
from modelway_local.sagemaker.resources import ACCOUNT, REGION

TIMEOUT_SECONDS = 60.0
LOG_TAIL_BYTES = 4096
# All that a child inherits from the gateway; the rest it gets from the function's own environment.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "MODELWAY_HOME")


@dataclass(frozen=True)
class Function:
    """One entry of lambdas.json: `{name: {"folder", "handler", "environment", "timeout"}}`."""

    name: str
    folder: str
    handler: str
    environment: dict[str, str]
    seconds: float
    stamp: float
    # The role that it runs as; empty where there are no roles.
    role: str = ""

    @classmethod
    def read(cls, name: str, entry: dict[str, Any]) -> Function:
        """`stamp` is when the handler's folder last changed, so that a changed handler gets a new process."""
        folder = Path(entry["folder"])
        stamps = [path.stat().st_mtime for path in folder.rglob("*.py")]
        handler = entry.get("handler", "handler.handler")
        environment = {key: str(value) for key, value in entry.get("environment", {}).items()}
        seconds = float(entry.get("timeout", TIMEOUT_SECONDS))
        role = str(entry.get("role", ""))
        return cls(name, str(folder), handler, environment, seconds, max(stamps, default=0.0), role)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


class Worker:
    """A warm process of one function; it answers one event at a time."""

    def __init__(self, function: Function, gateway_url: str, log: Path, keys: dict[str, str]) -> None:
        self.function = function
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "modelway_local.gateway.run_lambda", function.folder, function.handler]
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=function.folder,
                env={**_environment(function, gateway_url), **keys},
            )
        self._timed_out = False

    def invoke(self, event: Any, request_id: str) -> dict[str, Any]:
        """`{"result": ...}` or `{"error": ...}`; after a crash or a timeout the process is gone."""
        function = self.function
        context = {
            "aws_request_id": request_id,
            "function_name": function.name,
            "invoked_function_arn": function.arn,
            "seconds": function.seconds,
        }
        timer = threading.Timer(function.seconds, self._expire)
        timer.start()
        try:
            said = self._exchange(json.dumps({"event": event, "context": context}).encode() + b"\n")
        finally:
            timer.cancel()
        if said:
            answered: dict[str, Any] = json.loads(said)
            return answered
        return {"error": self._end(request_id)}

    def _exchange(self, line: bytes) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return b""
        try:
            stdin.write(line)
            stdin.flush()
            return stdout.readline()
        except BrokenPipeError:
            return b""

    def _expire(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _end(self, request_id: str) -> dict[str, str]:
        code = self._process.wait()
        if self._timed_out:
            said = f"{request_id} Task timed out after {self.function.seconds:.2f} seconds"
            return {"errorMessage": said, "errorType": "Sandbox.Timedout"}
        said = f"RequestId: {request_id} Error: Runtime exited with error: exit status {code}"
        return {"errorMessage": said, "errorType": "Runtime.ExitError"}

    def alive(self) -> bool:
        """Whether the process can take another event."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class Functions:
    """Invoke for the functions that `<home>/lambdas.json` names; other functions are moto's."""

    def __init__(self, home: Path, gateway_url: str, keyring: Keyring) -> None:
        self._home = home
        self._keyring = keyring
        self._gateway_url = gateway_url
        self._idle: dict[str, list[Worker]] = {}
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Answer | None:
        """The answer to an Invoke of a function that is registered; None for all other requests."""
        found = request.match(r"/2015-03-31/functions/([^/]+)/invocations")
        if request.method != "POST" or not found:
            return None
        name = _function_name(found[0])
        entry = read_json(self._home / "lambdas.json").get(name)
        if entry is None:
            return None
        try:
            event = json.loads(request.body.read() or b"{}")
        except ValueError as error:
            raise AwsError(
                "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            ) from error
        return self._invoke(Function.read(name, entry), event, request.headers)

    def _invoke(self, function: Function, event: Any, headers: dict[str, str]) -> Answer:
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        request_id = str(uuid.uuid4())
        if kind == "DryRun":
            return 204, {}, b""
        if kind == "Event":
            threading.Thread(target=self._run, args=(function, event, request_id), daemon=True).start()
            return 202, {}, b""
        said, log = self._run(function, event, request_id)
        extra = {"X-Amz-Executed-Version": "$LATEST", "x-amzn-RequestId": request_id}
        if headers.get("x-amz-log-type") == "Tail":
            extra["X-Amz-Log-Result"] = base64.b64encode(log[-LOG_TAIL_BYTES:]).decode()
        if "error" in said:
            return json_answer(said["error"], headers={**extra, "X-Amz-Function-Error": "Unhandled"})
        return json_answer(said["result"], headers=extra)

    def _run(self, function: Function, event: Any, request_id: str) -> tuple[dict[str, Any], bytes]:
        """What the handler said, and what it logged meanwhile."""
        worker = self._take(function)
        start = worker.log.stat().st_size
        said = worker.invoke(event, request_id)
        with worker.log.open("rb") as file:
            file.seek(start)
            log = file.read()
        self._give_back(worker)
        return said, log

    def _take(self, function: Function) -> Worker:
        """An idle process of this very function, or a new one; those of an older version end."""
        with self._lock:
            idle = self._idle.setdefault(function.name, [])
            while idle:
                worker = idle.pop()
                if worker.function == function and worker.alive():
                    return worker
                worker.close()
        log = self._home / "lambda-logs" / f"{function.name}.log"
        return Worker(function, self._gateway_url, log, self._keys(function))

    def _keys(self, function: Function) -> dict[str, str]:
        """A session of the function's role, named as Lambda names it after the function."""
        actor = f"function {function.name}"
        if not function.role:
            return self._keyring.of(actor).environment()
        session = self._keyring.of_role(actor, function.role, function.name, "lambda.amazonaws.com")
        return session.environment()

    def _give_back(self, worker: Worker) -> None:
        if not worker.alive():
            worker.close()
            return
        with self._lock:
            self._idle.setdefault(worker.function.name, []).append(worker)

    def close(self) -> None:
        """End every idle process; a busy one ends with its stdin."""
        with self._lock:
            for worker in (worker for idle in self._idle.values() for worker in idle):
                worker.close()
            self._idle.clear()


def _function_name(identifier: str) -> str:
    """The bare name in a name, a qualified name, or an ARN."""
    parts = identifier.split(":")
    if "function" in parts:
        return parts[parts.index("function") + 1]
    return parts[0]


def _environment(function: Function, gateway_url: str) -> dict[str, str]:
    inherited = {key: os.environ[key] for key in INHERITED if key in os.environ}
    return {
        **inherited,
        "AWS_ENDPOINT_URL": gateway_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "PYTHONUNBUFFERED": "1",
        **function.environment,
    }
