"""`modelway ci ...` one by one, each in its own process as in a GitLab job; only the work folder passes between."""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from modelway_local.stack.layout import Stack

from modelway.contracts import Image
from modelway.pipeline.work import WorkFolder
from tests.unit.gitlab.test_notes import record
from tests.unit.pipeline.test_source import UPSTREAM

pytestmark = pytest.mark.integration
MODELWAY = str(Path(sys.executable).with_name("modelway"))
MODEL = "iris-kind"
COMMIT = "c" * 40
IMAGE = Image(repository_uri="127.0.0.1/modelway/iris-kind", version="1.0.0", digest="sha256:" + "a" * 64)


class Pipeline:
    """A pipeline's variables, and its jobs by the command that each runs."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.repo, self.work = folder / MODEL, folder / "out"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MODELWAY_", "AWS_"))},
            **stack.environment(),
            "MODELWAY_OUT": str(self.work),
            "CI_PIPELINE_ID": "4711",
        }
        facts = UPSTREAM.model_copy(update={"model_name": MODEL, "project_path": "team/iris", "commit_sha": COMMIT})
        WorkFolder(self.work).room("upstream").write("upstream", facts)

    def elsewhere(self, work: Path, **changed: object) -> Pipeline:
        """The same model in another pipeline, whose facts differ as `changed` says."""
        other = Pipeline.__new__(Pipeline)
        other.repo, other.work = self.repo, work
        other._environment = {**self._environment, "MODELWAY_OUT": str(work)}
        facts = UPSTREAM.model_copy(update={"model_name": MODEL, "project_path": "team/iris", **changed})
        WorkFolder(work).room("upstream").write("upstream", facts)
        return other

    def job(self, *arguments: str, code: int = 0) -> str:
        """Standard output, or standard error of a job that must fail."""
        done = subprocess.run(
            [MODELWAY, *arguments], env=self._environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout

    def document(self, name: str) -> dict[str, object]:
        """What a job left as `<name>.json`."""
        found: dict[str, object] = json.loads((self.work / f"{name}.json").read_text())
        return found


@pytest.fixture(scope="module")
def pipeline(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A new model repo, whose data lies in S3."""
    made = Pipeline(stack, tmp_path_factory.mktemp("pipeline"))
    made.job("new", str(made.repo), "--problem-type", "multiclass_classification")
    keys = {**stack.credentials().arguments(), "region_name": "eu-west-1"}
    s3 = boto3.client("s3", endpoint_url=stack.gateway_url, **keys)
    for channel in ("train", "test"):
        for path in (made.repo / "samples" / channel).glob("*.csv"):
            s3.upload_file(str(path), "modelway-local-data", f"{MODEL}/{channel}/{path.name}")
    return made


@pytest.mark.parametrize(
    ("step", "before"),
    [
        ("wait", "trigger"),
        ("report", "wait"),
        ("deploy", "wait"),
        ("trigger", "push"),
        ("attest", "push"),
        ("push", "admit"),
    ],
)
def test_a_step_out_of_turn_names_the_one_before(pipeline: Pipeline, step: str, before: str, tmp_path: Path) -> None:
    other = pipeline.elsewhere(tmp_path)
    folder = [str(pipeline.repo)] if step in ("deploy", "trigger", "attest", "push") else []
    assert f"modelway ci {before}" in other.job("ci", step, *folder, code=2)


def test_the_jobs_of_one_pipeline(pipeline: Pipeline) -> None:
    repo = str(pipeline.repo)
    assert f"{MODEL} is valid" in pipeline.job("ci", "validate", repo)
    assert "admitted" in pipeline.job("ci", "admit", repo)
    assert pipeline.job("ci", "version", repo).startswith("1.0.0 ")
    digest = pipeline.job("ci", "package", repo).strip()
    assert digest in pipeline.job("ci", "push", repo)
    assert "MODELWAY_VERSION=1.0.0" in (pipeline.work / "image.env").read_text()
    statement = f"s3://modelway-local-artifacts/records/{MODEL}/images/{digest.removeprefix('sha256:')}.intoto.json"
    assert pipeline.job("ci", "attest", repo).strip() == statement

    assert pipeline.job("ci", "trigger", repo).startswith("started train_evaluate ")
    assert pipeline.job("ci", "trigger", repo).startswith("found train_evaluate "), "a retried job starts nothing"
    url = str(pipeline.document("run")["url"])
    assert f"MODELWAY_DAG_RUN_URL={url}" in (pipeline.work / "train.env").read_text()
    assert "train_model: success" in pipeline.job("ci", "wait")
    assert pipeline.job("ci", "wait").count("\n") < 20, "a repeated wait ends at once"
    record = pipeline.document("record")
    assert record["model_version"] == "1.0.0+r0"
    assert pipeline.document("request")["provenance"]["commit_sha"] == COMMIT  # type: ignore[index]

    said = pipeline.job("ci", "report")
    assert "first:" in said
    assert "<svg" in (pipeline.work / "report.html").read_text()
    assert "is not approved" in pipeline.job("ci", "deploy", repo, code=2)
    assert "1.0.0+r0 is approved by " in pipeline.job("ci", "approve", repo)
    assert "created: 1.0.0+r0" in pipeline.job("ci", "deploy", repo)
    assert pipeline.document("deployment")["verified"] is True
    assert pipeline.document("deployment")["requested_by"] == pwd.getpwuid(os.getuid()).pw_name
    refused = pipeline.job("ci", "rollback", "--model", MODEL, code=2)
    assert "no verified deployment before it is on record" in refused


@pytest.mark.attack(
    attacker="code of a model",
    tries="be run by `ci trigger`, which has the AWS identity, because no admission lies there",
    stopped_by="trigger takes the admission's artifact, bound to the content, and never admits",
)
def test_trigger_never_runs_the_models_code(pipeline: Pipeline, tmp_path: Path) -> None:
    other, code, seen = pipeline.elsewhere(tmp_path / "out"), pipeline.repo / "src" / "model.py", tmp_path / "seen"
    WorkFolder(other.work).write("image", IMAGE)
    before = code.read_text()
    code.write_text(before + f"\nPath({str(seen)!r}).touch()\n")
    try:
        assert "modelway ci admit" in other.job("ci", "trigger", str(pipeline.repo), code=2)
    finally:
        code.write_text(before)
    assert not seen.exists()


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="approve, deploy or roll back from a merge request's pipeline",
    stopped_by="all three ask what fetch-model verified",
)
@pytest.mark.parametrize("step", ["approve", "deploy", "rollback"])
def test_a_merge_requests_pipeline_deploys_nothing(pipeline: Pipeline, tmp_path: Path, step: str) -> None:
    other = pipeline.elsewhere(tmp_path / "out", merge_request=5, ref="refs/merge-requests/5/head")
    trained = record().model_copy(update={"model_name": MODEL})
    WorkFolder(other.work).write("record", trained)
    of = ["--model", MODEL] if step == "rollback" else [str(pipeline.repo)]
    assert "is of merge request 5, which is not merged" in other.job("ci", step, *of, code=2)


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="roll another project's endpoint back",
    stopped_by="the model's name is the one that fetch-model verified",
)
def test_a_rollback_is_of_the_pipelines_own_model(pipeline: Pipeline) -> None:
    assert f"the pipeline is for '{MODEL}'" in pipeline.job("ci", "rollback", "--model", "fraud", code=2)


def test_a_model_below_its_threshold_fails_the_report_and_nothing_else(pipeline: Pipeline) -> None:
    spec = pipeline.repo / "model.yaml"
    before = spec.read_text()
    metric = next(line for line in before.splitlines() if "threshold" in line)
    spec.write_text(before.replace(metric, re.sub(r"threshold: [0-9.]+", "threshold: 1.5", metric)))
    assert spec.read_text() != before
    repo = str(pipeline.repo)
    for leftover in pipeline.work.glob("*.json"):  # what was admitted stays
        leftover.unlink()
    assert "what was admitted is not what lies in" in pipeline.job("ci", "push", repo, code=2)
    pipeline.job("ci", "admit", repo)
    assert "is not that of" in pipeline.job("ci", "push", repo, code=2), "the image that lies there is of other code"
    pipeline.job("ci", "package", repo)
    pipeline.job("ci", "push", repo)
    pipeline.job("ci", "trigger", repo)
    pipeline.job("ci", "wait")
    assert "is not accepted" in pipeline.job("ci", "report", code=2)
