"""SageMaker's side of the container: `train`, `evaluate` and `serve` around the functions of model.py.

You should not need to change this file. It depends on the standard library and waitress only.

Everything lies under SAGEMAKER_BASE_DIR (default /opt/ml):
  train     input/config/hyperparameters.json, input/data/<channel>/  ->  model/, on error output/failure
  evaluate  processing/input/{model/model.tar.gz,data/}  ->  processing/output/evaluation.json, on error output/message
  serve     model/; GET /ping, POST /invocations (JSON) on MODEL_SERVER_HOST:SAGEMAKER_BIND_TO_PORT
"""

import json
import os
import signal
import sys
import tarfile
import tempfile
import threading
import traceback
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
MAX_REASON = 1024  # characters that SageMaker keeps of a failure's reason
NOBODY = 10001  # whom `serve` becomes when it is root, which SageMaker runs containers as
MAX_REQUEST_BYTES = 25 * 1024 * 1024  # SageMaker's own limit of a request's body


class RequestError(Exception):
    """Raised when a request cannot be answered because of what it says; the caller gets a 400."""


def hyperparameter(text):
    """SageMaker passes text only: `3`, `0.1`, `true` and `[1, 2]` become Python values, the rest stays text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_config(name):
    """The document input/config/<name>.json; empty if SageMaker gave none."""
    path = BASE / "input" / "config" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def train():
    """Run model.train, then make sure that it left a model."""
    import model

    hyperparameters = {name: hyperparameter(text) for name, text in read_config("hyperparameters").items()}
    data = BASE / "input" / "data"
    names = read_config("inputdataconfig") or [folder.name for folder in data.iterdir() if folder.is_dir()]
    model_dir = BASE / "model"
    model_dir.mkdir(parents=True, exist_ok=True)
    model.train({name: data / name for name in names}, hyperparameters, model_dir)
    if not any(model_dir.iterdir()):
        raise RuntimeError("train() returned but wrote nothing into model_dir")


def evaluate():
    """Unpack the model, run model.evaluate, write what it returns."""
    import model

    source = BASE / "processing" / "input"
    output = BASE / "processing" / "output"
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(source / "model" / "model.tar.gz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python has none
        archive.extractall(folder)
        result = model.evaluate(Path(folder), source / "data")
    (output / "evaluation.json").write_text(json.dumps({"schema_version": 1, **result}), encoding="utf-8")


class Server:
    """The WSGI application. /ping answers 200 once the model is loaded and as long as it could be."""

    def __init__(self, model, model_dir):
        self.model = model
        self.model_dir = model_dir
        version, digest = (os.environ.get(f"MODELWAY_{name}", "") for name in ("MODEL_VERSION", "IMAGE_DIGEST"))
        self.identity = f"model_version={version};image_digest={digest}"
        self.loaded = threading.Event()
        self.problem = ""

    def load(self):
        """Load the model before the first request, where model.py has a `load`."""
        try:
            if hasattr(self.model, "load"):
                self.model.load(self.model_dir)
        except Exception as error:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            self.problem = f"the model does not load: {reason_of(error)}"
        self.loaded.set()

    def __call__(self, environ, start_response):
        status, document = self.answer(environ)
        body = b"" if document is None else json.dumps(document).encode("utf-8")
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Amzn-SageMaker-Custom-Attributes", self.identity),
        ]
        start_response(status, headers)
        return [body]

    def answer(self, environ):
        """Status line and document for one request."""
        path, method = environ.get("PATH_INFO"), environ.get("REQUEST_METHOD")
        if path == "/ping" and method == "GET":
            if self.problem:
                return "500 Internal Server Error", {"error": self.problem}
            return ("200 OK", None) if self.loaded.is_set() else ("503 Service Unavailable", None)
        if path != "/invocations":
            return "404 Not Found", {"error": f"no such path: {path}"}
        if method != "POST":
            return "405 Method Not Allowed", {"error": "POST only"}
        return self.invoke(environ)

    def invoke(self, environ):
        """Parse the request, run model.predict, refuse answers that are not JSON (NaN is not)."""
        try:
            request = parse_request(environ)
            response = self.model.predict(request, self.model_dir)
        except (RequestError, ValueError, KeyError) as error:
            return "400 Bad Request", {"error": reason_of(error)}
        except Exception as error:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            return "500 Internal Server Error", {"error": reason_of(error)}
        try:
            json.dumps(response, allow_nan=False)
        except (TypeError, ValueError) as error:
            return "500 Internal Server Error", {"error": f"predict() returned what JSON cannot say: {error}"}
        return "200 OK", response


def parse_request(environ):
    """The JSON body. Raises RequestError if it is not JSON."""
    kind = environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower()
    if kind not in ("", "application/json"):
        raise RequestError(f"content type {kind!r} is not supported; send application/json")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error


def give_up_root():
    """Go on as a user without rights, unless the model has files that such a user could not read."""
    readable = all(path.stat().st_mode & 0o004 for path in (BASE / "model").rglob("*"))
    if os.geteuid() == 0 and "SAGEMAKER_BASE_DIR" not in os.environ and readable:
        os.environ["HOME"] = tempfile.gettempdir()
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def serve():
    """Answer until SIGTERM."""
    give_up_root()
    import waitress

    import model

    server = Server(model, BASE / "model")
    threading.Thread(target=server.load, daemon=True).start()
    waitress.serve(
        server,
        host=os.environ.get("MODEL_SERVER_HOST", "0.0.0.0"),
        port=int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
        threads=int(os.environ.get("MODEL_SERVER_THREADS", "4")),
        max_request_body_size=MAX_REQUEST_BYTES,
        ident=None,
    )


def reason_of(error):
    """`ValueError: what it said`, at most as long as SageMaker keeps."""
    return f"{type(error).__name__}: {error}"[:MAX_REASON]


def stop(signum, _frame):
    """End with the code that shells use for a signal; as process 1 the default would be to ignore it."""
    sys.exit(128 + signum)


COMMANDS = {
    "train": (train, BASE / "output" / "failure"),
    "evaluate": (evaluate, BASE / "output" / "message"),
    "serve": (serve, None),
}


def main(arguments):
    """Run one command. The exit code is 0, 1 after an error (its reason is on file), 2 for a wrong command."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: container.py {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, stop)
    command, failure_file = COMMANDS[arguments[0]]
    try:
        command()
    except Exception as error:  # pylint: disable=broad-exception-caught
        traceback.print_exc()
        if failure_file is not None:
            failure_file.parent.mkdir(parents=True, exist_ok=True)
            failure_file.write_text(reason_of(error), encoding="utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
