"""The admission test against containers that go wrong in every way that was thought of. No scikit-learn: each
container.py here is a few lines of the standard library."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import time
from pathlib import Path

import pytest

from modelway.admission import AdmissionResult, TimeLimits, admit
from modelway.contracts.reading import read_model_spec
from modelway.errors import UserError

pytestmark = pytest.mark.integration

MODEL_YAML = """\
schema_version: 1
name: tiny
problem_type: regression
training:
  hyperparameters: {depth: 3, name: abc, flag: true}
  channels: {train: a/, test: b/}
evaluation:
  metrics:
    rmse: {threshold: 0.001}
"""

CONTAINER = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

BASE = Path(os.environ["SAGEMAKER_BASE_DIR"])


def train():
    (BASE / "model" / "weights").write_text("1")


def evaluate():
    return {"labels": [1.0, 2.0], "predictions": [1.0, 2.5]}


def ping():
    return 200


def answer(request):
    return 200, json.dumps({"predictions": [1.5]})


def main():
    class Handler(BaseHTTPRequestHandler):
        def reply(self, status, body=""):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            identity = os.environ["MODELWAY_IMAGE_DIGEST"]
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", "model_version=x;image_digest=" + identity)
            self.end_headers()
            self.wfile.write(body.encode())

        def do_GET(self):
            self.reply(ping())

        def do_POST(self):
            self.reply(*answer(self.rfile.read(int(self.headers["Content-Length"]))))

    if sys.argv[1] == "train":
        train()
    elif sys.argv[1] == "evaluate":
        output = BASE / "processing" / "output"
        (output / "evaluation.json").write_text(json.dumps(evaluate()))
    else:
        address = (os.environ["MODEL_SERVER_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
        HTTPServer(address, Handler).serve_forever()
"""

LIMITS = TimeLimits(train=5, evaluate=5, startup=4, invoke=2)


def admitted(tmp_path: Path, overrides: str = "", limits: TimeLimits = LIMITS) -> AdmissionResult:
    """Admit a model whose container.py has `overrides` of its functions."""
    number = {"type": "number"}
    rows = {
        "type": "object",
        "properties": {"instances": {"type": "array", "items": number}},
        "required": ["instances"],
    }
    answers = {"type": "object", "properties": {"predictions": {"type": "array", "items": number}}}
    files = {
        "model.yaml": MODEL_YAML,
        "src/container.py": f"{CONTAINER}\n{textwrap.dedent(overrides)}\nmain()\n",
        "samples/train/data.csv": "x,y\n1,2\n",
        "samples/test/data.csv": "x,y\n1,2\n",
        "samples/request.json": '{"instances": [1]}',
        "samples/response.json": '{"predictions": [2.5]}',
        "schema/io.json": json.dumps({"request": rows, "response": answers}),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    spec = read_model_spec(tmp_path)
    return admit(tmp_path, spec, pythonpath=[], interpreter=Path(sys.executable), limits=limits)


def test_a_good_model_is_admitted_whatever_its_thresholds(tmp_path: Path) -> None:
    result = admitted(tmp_path)
    assert list(result.seconds) == ["train", "evaluate", "serve"]
    assert json.loads(result.request_example) == {"instances": [1]}
    assert json.loads(result.response_example) == {"predictions": [1.5]}
    assert not result.report.metrics[0].meets_threshold


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("def train():\n sys.exit('the column age is missing')", ["train failed", "exit code 1", "column age is"]),
        (
            "def train():\n (BASE/'output'/'failure').write_text('ValueError: too few rows'); sys.exit(3)",
            ["exit code 3", "ValueError: too few rows"],
        ),
        ("def train():\n print('epoch 1'); time.sleep(60)", ["train did not end within 5 s", "epoch 1"]),
        ("def train():\n pass", ["left no model"]),
        ("def train():\n os.kill(os.getpid(), 9)", ["killed by SIGKILL"]),
        ("def evaluate():\n raise RuntimeError('bad holdout')", ["evaluate failed", "bad holdout"]),
        ("def evaluate():\n return {'labels': [1], 'predictions': [float('nan')]}", ["predictions.0 is nan"]),
        ("def evaluate():\n return {'labels': [1, 2], 'predictions': [1]}", ["rmse", "2 labels but 1 predictions"]),
        ("def evaluate():\n return {'score': 1}", ["score"]),
        ("def evaluate():\n os._exit(0)", ["left no evaluation.json"]),
        ("def ping():\n os._exit(7)", ["serve ended by itself", "exit code 7"]),
        ("def ping():\n return 500", ["/ping answered 500"]),
        ("def ping():\n return 503", ["not healthy after 4 s", "503"]),
        ("def ping():\n time.sleep(60)", ["not healthy after 4 s", "not answered"]),
        ("HTTPServer.serve_forever = lambda self: time.sleep(60)", ["not healthy"]),
        ("def answer(request):\n return 500, 'weights are gone'", ["answered 500", "weights are gone"]),
        ("def answer(request):\n time.sleep(60)", ["no answer within 2 s"]),
        ("def answer(request):\n os._exit(1)", ["/invocations with samples/request.json"]),
        ("def answer(request):\n return 200, 'hello'", ["not JSON", "hello"]),
        ("def answer(request):\n return 200, '{\"predictions\": [NaN]}'", ["NaN is not JSON"]),
        ("def answer(request):\n return 200, '{\"predictions\": [1, 2]}'", ["wrong shape", "2 items"]),
        ('def answer(request):\n return 200, \'{"predictions": ["a"]}\'', ["wrong shape", "is text"]),
        ("os.environ['MODELWAY_IMAGE_DIGEST'] = 'other'", ["does not answer with the header"]),
    ],
)
def test_a_broken_model_is_refused_and_told_why(tmp_path: Path, overrides: str, words: list[str]) -> None:
    began = time.monotonic()
    with pytest.raises(UserError) as error:
        admitted(tmp_path, overrides)
    assert time.monotonic() - began < 12
    for word in words:
        assert word in error.value.message
    assert error.value.fix


def test_nothing_that_the_model_started_survives(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    overrides = f"""
    def train():
        if os.fork() == 0:
            open({str(mark)!r}, "w").write(str(os.getpid()))
            time.sleep(60)
        time.sleep(60)
    """
    with pytest.raises(UserError, match="did not end"):
        admitted(tmp_path, overrides, TimeLimits(train=1))
    time.sleep(0.2)
    status = Path("/proc") / mark.read_text() / "stat"
    assert not status.exists() or status.read_text().split(")")[1].split()[0] == "Z"


def test_the_model_sees_no_credentials_and_its_hyperparameters_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "CI_JOB_TOKEN", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("MODELWAY_ENVIRONMENT", "local")  # else a job whose interpreter is closed to others refuses
    overrides = """
    def train():
        leaked = [name for name, value in os.environ.items() if value == "hidden"]
        given = json.loads((BASE / "input/config/hyperparameters.json").read_text())
        channels = sorted(path.name for path in (BASE / "input/data").iterdir())
        sys.exit(f"{leaked} {given} {channels}")
    """
    with pytest.raises(UserError, match="train failed") as error:
        admitted(tmp_path, overrides)
    assert "[] {'depth': '3', 'name': 'abc', 'flag': 'true'} ['test', 'train']" in error.value.message
    assert os.environ["CI_JOB_TOKEN"] == "hidden"
