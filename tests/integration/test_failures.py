"""What goes wrong after admission: the reason, in the model's own words, reaches the person, SNS and Slack."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from modelway_local.stack.layout import Stack

from modelway.contracts import TrainingRecord
from modelway.pipeline.run import PipelineRun
from modelway.pipeline.runs import DagRunFailed
from modelway.platform import Platform
from tests.integration.test_pipeline import modelway

pytestmark = pytest.mark.integration
NAME = "moody-model"
ENDPOINT = f"modelway-{NAME}"
LIMIT_SECONDS = 25
NOTICE_SECONDS = 40.0
# The data decides what the model does, so that one admitted image can fail in every way.
TRAIN = """
    mood = channels["train"] / "mood.txt"
    if mood.exists():
        misbehave(mood.read_text(encoding="utf-8"), model_dir)
"""
MISBEHAVE = '''

def misbehave(mood, model_dir):
    """Fail as the data says."""
    if mood == "raise":
        raise ValueError("row 7 has no label")
    if mood == "exit":
        sys.exit(7)
    if mood == "hang":
        time.sleep(600)
    (model_dir / mood).touch()
'''
LOAD = """
    if (model_dir / "crash").exists() and sys.argv[-1] == "serve":
        print("the weights are corrupt", flush=True)
        os._exit(9)
"""
EVALUATE = """
    if (model_dir / "nan").exists():
        return {"labels": ["benign", "malignant"], "predictions": ["benign", "benign"],
                "scores": [float("nan"), 0.5], "classes": CLASSES}
"""


class Silent:
    """A reporter that says nothing."""

    def begin(self, stage: str) -> None: ...
    def step(self, text: str) -> None: ...
    def end(self, stage: str, seconds: float, outcome: str) -> None: ...


def make_moody(path: Path) -> None:
    source = path / "src" / "model.py"
    text = source.read_text()
    text = text.replace(
        "from functools import cache", "import os\nimport sys\nimport time\nfrom functools import cache", 1
    )
    text = text.replace('    names, features, labels = read_table(channels["train"])\n', f"{TRAIN}@@", 1)
    text = text.replace("@@", '    names, features, labels = read_table(channels["train"])\n')
    head, _, tail = text.partition('    """Score every row')
    quote, _, rest = tail.partition("\n")
    text = f'{head}    """Score every row{quote}{EVALUATE}{rest}'
    text = text.replace("    return joblib.load", f"{LOAD}    return joblib.load", 1) + MISBEHAVE
    source.write_text(text)
    spec = (path / "model.yaml").read_text()
    lines = [line for line in spec.splitlines() if "max_runtime_seconds" not in line]
    at = next(index for index, line in enumerate(lines) if line.startswith("training:"))
    lines.insert(at + 1, f"  max_runtime_seconds: {LIMIT_SECONDS}")
    (path / "model.yaml").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def moody(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The model's name, once 1.0.0+r0 is live."""
    import os

    path = tmp_path_factory.mktemp("moody") / NAME
    environment = {**os.environ, **stack.environment()}
    assert modelway(environment, "new", str(path)).returncode == 0
    make_moody(path)
    done = modelway(environment, "run", str(path))
    assert done.returncode == 0, done.stderr
    return NAME


def put_mood(mood: str) -> None:
    key = f"{NAME}/train/mood.txt"
    boto3.client("s3").put_object(Bucket="modelway-local-data", Key=key, Body=mood.encode())


def retrain(mood: str, environment: dict[str, str]) -> tuple[PipelineRun, TrainingRecord]:
    put_mood(mood)
    pipeline = PipelineRun(Platform.from_environment(environment), Silent())
    return pipeline, pipeline.retrain(NAME)


def assert_told(environment: dict[str, str], *words: str) -> None:
    """Both channels carry all words in one message; failures are announced a moment after the run has ended."""
    deadline = time.monotonic() + NOTICE_SECONDS
    lacking = {"sns", "slack"}
    while lacking and time.monotonic() < deadline:
        told: list[dict[str, Any]] = json.loads(modelway(environment, "notifications", "--json").stdout)
        texts = [(message["channel"], json.dumps(message, ensure_ascii=False).lower()) for message in told]
        lacking -= {channel for channel, text in texts if all(word.lower() in text for word in words)}
    assert not lacking, f"{words} not found in {texts}"


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        pytest.param("raise", "ValueError: row 7 has no label", id="train raises"),
        pytest.param("exit", "exit code: 7", id="train exits"),
        pytest.param("hang", f"longer than training.max_runtime_seconds ({LIMIT_SECONDS} s)", id="train hangs"),
        pytest.param("nan", "not a finite number", id="a score is NaN"),
    ],
)
def test_the_reason_reaches_everybody(mood: str, reason: str, moody: str, stack_environment: dict[str, str]) -> None:
    with pytest.raises(DagRunFailed) as failed:
        retrain(mood, stack_environment)
    assert reason.lower() in str(failed.value).lower()
    assert_told(stack_environment, "failed", reason)


def test_an_endpoint_that_cannot_load_its_model_gets_the_old_one_back(
    moody: str, stack_environment: dict[str, str]
) -> None:
    sagemaker = boto3.client("sagemaker")
    before = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    pipeline, record = retrain("crash", stack_environment)
    with pytest.raises(DagRunFailed) as failed:
        pipeline.deploy(NAME, record.model_version)
    assert "weights are corrupt" in str(failed.value)
    live = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    assert live["EndpointConfigName"] == before
    assert live["EndpointStatus"] == "InService"
    assert_told(stack_environment, "deploy failed", "weights are corrupt")


def test_a_model_whose_artifact_is_gone_is_not_deployed(moody: str, stack_environment: dict[str, str]) -> None:
    pipeline, record = retrain("none", stack_environment)
    bucket, _, key = record.model_data_s3_uri.removeprefix("s3://").partition("/")
    boto3.client("s3").delete_object(Bucket=bucket, Key=key)
    with pytest.raises(DagRunFailed, match=r"model\.tar\.gz"):
        pipeline.deploy(NAME, record.model_version)
    assert boto3.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"] == "InService"


def test_an_image_that_left_the_registry_is_named(moody: str, stack_environment: dict[str, str]) -> None:
    put_mood("none")
    pipeline = PipelineRun(Platform.from_environment(stack_environment), Silent())
    request = pipeline.releases.retrain_request(NAME)
    gone = request.image.model_copy(update={"digest": f"sha256:{'0' * 64}"})
    with pytest.raises(DagRunFailed, match="Cannot pull the image"):
        pipeline.train(request.model_copy(update={"image": gone}))
