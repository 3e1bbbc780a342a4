"""`train`, `evaluate` and `serve`, each steered by what a test gives it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])


def train() -> None:
    """Keep the hyperparameters as the model; `fail` and `hang` do as they say."""
    parameters = json.loads((BASE / "input/config/hyperparameters.json").read_text())
    print("loss=0.5")
    print("loss=0.25")
    if "fail" in parameters:
        (BASE / "output/failure").write_text("the data has no rows")
        sys.exit(1)
    if "hang" in parameters:
        time.sleep(600)
    data = {str(path.relative_to(BASE / "input/data")): path.read_text() for path in BASE.glob("input/data/*/*")}
    (BASE / "model/model.json").write_text(json.dumps({"parameters": parameters, "data": data}))


def evaluate() -> None:
    """Copy the input to the output, or say why not."""
    if "FAIL" in os.environ:
        (BASE / "output/message").write_text("no such column")
        sys.exit(1)
    shutil.copytree(BASE / "processing/input/data", BASE / "processing/output", dirs_exist_ok=True)


class Handler(BaseHTTPRequestHandler):
    """Names the model that serves; refuses the body `refuse`, dies of `die`, answers `large` with seven megabytes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """/ping."""
        self._answer(200, b"")

    def do_POST(self) -> None:
        """/invocations."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"die":
            os._exit(9)
        name = os.environ.get("WHO", "")
        told: dict[str, object] = {"who": name, "got": body.decode(), "port": os.environ["SAGEMAKER_BIND_TO_PORT"]}
        told["model"] = sorted(path.name for path in (BASE / "model").iterdir())
        answer = b"x" * 7_000_000 if body == b"large" else json.dumps(told).encode()
        self._answer(400 if body == b"refuse" else 200, answer)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "by=tiny")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Be quiet."""


def serve() -> None:
    """Serve, unless told to be broken or stuck."""
    if "STUCK" in os.environ:
        time.sleep(600)
    if "BROKEN" in os.environ:
        sys.exit("the model does not load")
    address = (os.environ.get("MODEL_SERVER_HOST", "0.0.0.0"), int(os.environ["SAGEMAKER_BIND_TO_PORT"]))  # noqa: S104
    ThreadingHTTPServer(address, Handler).serve_forever()


if __name__ == "__main__":
    {"train": train, "evaluate": evaluate, "serve": serve}[sys.argv[1]]()
