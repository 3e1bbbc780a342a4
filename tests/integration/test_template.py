"""What `modelway new` copies, and the example: each passes validation, the admission test and its own tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import copier
import pytest
import yaml

from modelway.admission import admit, validate_model
from modelway.contracts import ProblemType, Verdict
from modelway.contracts.reading import read_model_spec
from modelway.evaluation import compare, read_container_evaluation

pytestmark = pytest.mark.integration

REPO = Path(__file__).resolve().parents[2]
TEMPLATE = REPO / "model_template"
EXAMPLE = REPO / "examples" / "breast-cancer"
COMMITS = REPO / "examples" / "breast-cancer-commits"
LIBRARIES = Path(sysconfig.get_paths()["purelib"])
PYTHON = Path(sys.executable)
CLEAN = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module", params=[problem.value for problem in ProblemType])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target: Path = tmp_path_factory.mktemp("repos") / "fraud-detector"
    copier.run_copy(str(TEMPLATE), target, data={"problem_type": request.param}, defaults=True, quiet=True)
    return target


def commit(number: int, folder: Path) -> Path:
    """The example as of its commit 1, 2 or 3."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for overlay in ("2-better", "3-broken")[: number - 1]:
        shutil.copytree(COMMITS / overlay, folder, dirs_exist_ok=True)
    return folder


def test_a_new_model_is_valid_admitted_and_meets_its_thresholds(made: Path) -> None:
    assert validate_model(made) == []
    spec = read_model_spec(made)
    assert spec.name == "fraud-detector"
    result = admit(made, spec, pythonpath=[LIBRARIES], interpreter=PYTHON)
    assert json.loads(result.response_example) == json.loads((made / "samples" / "response.json").read_text())
    assert all(metric.meets_threshold for metric in result.report.metrics)


def test_its_own_tests_pass(made: Path) -> None:
    program = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    result = subprocess.run(program, cwd=made, env=CLEAN, capture_output=True, text=True, check=False, timeout=200)
    assert result.returncode == 0, result.stdout


def test_it_is_small_and_leaves_no_template_syntax(made: Path) -> None:
    assert len((made / "model.yaml").read_text().splitlines()) <= 25
    assert len((made / ".gitlab-ci.yml").read_text().splitlines()) <= 18
    assert len((made / "src" / "container.py").read_text().splitlines()) <= 220
    yaml.safe_load((made / ".gitlab-ci.yml").read_text())
    for path in made.rglob("*"):
        if path.is_file():
            assert not {"{{", "{%"} & {path.read_text()[i : i + 2] for i in range(path.stat().st_size)}, path
            assert path.suffix != ".jinja"


def test_container_and_rcfile_are_the_same_everywhere() -> None:
    assert (EXAMPLE / "src/container.py").read_text() == (TEMPLATE / "template/src/container.py").read_text()
    rcfiles = [REPO / "ci/pylintrc", TEMPLATE / "template/pylintrc", EXAMPLE / "pylintrc"]
    assert len({path.read_text().split("\n", 1)[1] for path in rcfiles}) == 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_commit_of_the_example_is_valid_and_admitted(number: int, tmp_path: Path) -> None:
    folder = commit(number, tmp_path / "repo")
    assert validate_model(folder, lint=False) == []
    admit(folder, read_model_spec(folder), pythonpath=[LIBRARIES], interpreter=PYTHON)


def run_container(folder: Path, command: str, base: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "src" / "container.py"), command],
        env={**CLEAN, "SAGEMAKER_BASE_DIR": str(base), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, str(EXAMPLE / "data.py"), str(folder)], check=True, env=CLEAN)
    return folder


def trained(folder: Path, data: Path, base: Path) -> subprocess.CompletedProcess[str]:
    (base / "input" / "config").mkdir(parents=True)
    (base / "input" / "config" / "hyperparameters.json").write_text("{}")
    (base / "input" / "config" / "inputdataconfig.json").write_text(json.dumps({"train": {}, "test": {}}))
    shutil.copytree(data, base / "input" / "data")
    return run_container(folder, "train", base)


def scored(folder: Path, data: Path, base: Path) -> str:
    assert trained(folder, data, base).returncode == 0
    source = base / "processing" / "input"
    (source / "model").mkdir(parents=True)
    shutil.make_archive(str(source / "model" / "model"), "gztar", base / "model")
    shutil.copytree(data / "test", source / "data")
    assert run_container(folder, "evaluate", base).returncode == 0
    return (base / "processing" / "output" / "evaluation.json").read_text()


def test_the_first_commit_meets_its_thresholds_and_the_second_is_better(data: Path, tmp_path: Path) -> None:
    one, two = commit(1, tmp_path / "one"), commit(2, tmp_path / "two")
    first, second = (
        read_container_evaluation(scored(folder, data, tmp_path / f"base-{folder.name}")) for folder in (one, two)
    )
    _, decision = compare(read_model_spec(one), first, None, model_version="1.0.0+r0", champion_version=None)
    assert decision.verdict is Verdict.FIRST
    report, decision = compare(
        read_model_spec(two), second, first, model_version="1.1.0+r0", champion_version="1.0.0+r0"
    )
    assert decision.verdict is Verdict.BETTER, decision.reasons
    assert report.rows == 228


def test_the_third_commit_raises_on_the_real_data_and_says_why(data: Path, tmp_path: Path) -> None:
    result = trained(commit(3, tmp_path / "repo"), data, tmp_path / "base")
    assert result.returncode == 1
    reason = (tmp_path / "base" / "output" / "failure").read_text()
    assert reason.startswith("ValueError: mean_radius is above 25 micrometres in ")


def test_serve_answers_bad_requests_clearly_and_stops_on_sigterm(tmp_path: Path) -> None:
    base = tmp_path / "base"
    assert trained(EXAMPLE, EXAMPLE / "samples", base).returncode == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **CLEAN,
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "MODEL_SERVER_HOST": "127.0.0.1",
        "MODELWAY_MODEL_VERSION": "1.0.0+r0",
        "MODELWAY_IMAGE_DIGEST": "sha256:aa",
    }
    server = subprocess.Popen([sys.executable, str(EXAMPLE / "src" / "container.py"), "serve"], env=environment)
    try:
        wait_for_ping(port)
        good = (EXAMPLE / "samples" / "request.json").read_bytes()
        status, headers, body = post(port, good)
        assert status == 200
        assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "model_version=1.0.0+r0;image_digest=sha256:aa"
        assert len(json.loads(body)["predictions"]) == 2
        assert post(port, b"{")[0] == 400
        assert post(port, b"[" * 100_000)[0] == 400
        status, _headers, body = post(port, b'{"instances": [{}]}')
        assert (status, json.loads(body)) == (400, {"error": "KeyError: 'mean_radius'"})
        assert post(port, b'{"instances": 3}')[0] == 500
        assert post(port, good, kind="text/csv")[0] == 400
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=5) in (0, 143)
    finally:
        server.kill()
        server.wait()


def wait_for_ping(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as response:
                assert response.status == 200
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("/ping did not answer")


def post(port: int, body: bytes, kind: str = "application/json") -> tuple[int, Message, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
