"""The model's server on a loopback port: does it start, answer /ping, and answer the sample as it promised?"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from modelway.admission.process import ModelProcess, Program, started
from modelway.admission.samples import SCHEMA_FILE, Samples, check_schema
from modelway.admission.shape import parse_json, shape_difference
from modelway.errors import UserError

HOST = "127.0.0.1"
IDENTITY_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
_MAX_ANSWER_BYTES = 25 * 1024 * 1024
_PING_SECONDS = 2.0  # SageMaker's own limit of one health check


def check_service(program: Program, base: Path, samples: Samples, startup: float, answer: float) -> Any:
    """Start `serve`, ping it within `startup` seconds, invoke it within `answer` seconds, stop it.

    Returns the parsed response. Raises UserError saying what the server did instead.
    """
    port, nonce = _free_port(), secrets.token_hex(8)
    identity = {"MODELWAY_MODEL_VERSION": "admission", "MODELWAY_IMAGE_DIGEST": nonce}
    where = {"MODEL_SERVER_HOST": HOST, "SAGEMAKER_BIND_TO_PORT": str(port)}
    with started(program, "serve", base, startup + answer, **identity, **where) as process:
        _await_ping(process, port, startup)
        body = _invoke(process, port, samples, answer, nonce)
    return _checked(body, samples)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _await_ping(process: ModelProcess, port: int, seconds: float) -> None:
    deadline, last = time.monotonic() + seconds, "nothing listened on its port"
    while time.monotonic() < deadline:
        code = process.popen.poll()
        if code is not None:
            raise _failed(f"serve ended by itself before /ping was answered (exit code {code})", process)
        try:
            status, _headers, body = _request("GET", port, "/ping", None, _PING_SECONDS)
        except ConnectionRefusedError:
            pass
        except (OSError, http.client.HTTPException) as error:
            last = f"/ping was not answered: {error or type(error).__name__}"
        else:
            if status == 200:
                return
            last = f"/ping answered {status} {_excerpt(body)}".rstrip()
            if status == 500:
                break
        time.sleep(0.05)
    raise _failed(f"serve is not healthy after {seconds:g} s: {last}" if "500" not in last else last, process)


def _invoke(process: ModelProcess, port: int, samples: Samples, seconds: float, nonce: str) -> bytes:
    payload = json.dumps(samples.request).encode()
    try:
        status, headers, body = _request("POST", port, "/invocations", payload, seconds)
    except (OSError, http.client.HTTPException) as error:
        what = f"no answer within {seconds:g} s" if isinstance(error, TimeoutError) else (error or type(error).__name__)
        raise _failed(f"/invocations with samples/request.json: {what}", process) from error
    if status != 200:
        raise _failed(f"/invocations answered {status} to samples/request.json: {_excerpt(body)}", process)
    if nonce not in headers.get(IDENTITY_HEADER, ""):
        raise UserError(
            f"/invocations does not answer with the header {IDENTITY_HEADER} that names version and digest",
            fix="take src/container.py from `modelway new` unchanged",
        )
    return body


def _request(
    method: str, port: int, path: str, body: bytes | None, seconds: float
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request(method, path, body=body, headers={"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        return response.status, response.headers, response.read(_MAX_ANSWER_BYTES + 1)
    finally:
        connection.close()


def _checked(body: bytes, samples: Samples) -> Any:
    """Raises UserError if the answer is not JSON, not what the schema promises or not as the example is."""
    fix = "correct predict() in model.py, or samples/response.json if the answer was meant to change"
    if len(body) > _MAX_ANSWER_BYTES:
        raise UserError(f"/invocations answered more than {_MAX_ANSWER_BYTES} bytes", fix=fix)
    try:
        answer = parse_json(body)
    except (ValueError, RecursionError) as error:
        raise UserError(f"/invocations answered what is not JSON: {error}: {_excerpt(body)}", fix=fix) from error
    difference = shape_difference(samples.response, answer)
    if difference:
        raise UserError(f"the answer to samples/request.json has the wrong shape: {difference}", fix=fix)
    check_schema(answer, samples.response_schema, "the answer to samples/request.json", str(SCHEMA_FILE))
    return answer


def _excerpt(body: bytes) -> str:
    text = body.decode("utf-8", errors="replace").strip()
    return text if len(text) <= 300 else text[:299] + "…"


def _failed(what: str, process: ModelProcess) -> UserError:
    return UserError(
        f"{what}; the server last said:\n{process.said()}",
        fix="correct load() or predict() in model.py; container.py serves them unchanged",
    )
