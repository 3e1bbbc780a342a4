"""A commit's way through both projects' pipelines, run from their YAML: upstream, downstream, deploy, schedule."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from modelway_local.stack.layout import Stack

from tests.fake_gitlab.server import Artifact, State
from tests.gitlab_ci.projects import STATE, Project

# Whole pipelines, on a machine that may be busy.
pytestmark = [pytest.mark.gitlab, pytest.mark.timeout(1200)]
ROOT = Path(__file__).parents[2]
LOCKED = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
JOB = "train-breast-cancer"
PROJECT_ID = 42
TRAINING = {
    *("fetch-model", "validate-model", "lint-dockerfile", "admit-model", "reserve-version"),
    *("build-image", "push-image", "scan-image", "train", "report"),
}


def client(stack: Stack, service: str) -> Any:
    keys = {**stack.credentials().arguments(), "region_name": "eu-west-1"}
    return boto3.client(service, endpoint_url=stack.gateway_url, **keys)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


@pytest.fixture(scope="module")
def upstream(model: Project, state: State, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables that the model repo's pipeline passes on; its data is in S3 and its artifact in GitLab."""
    data = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, str(model.folder / "data.py"), str(data)], check=True)
    for file in data.rglob("*.csv"):
        key = f"breast-cancer/{file.relative_to(data).as_posix()}"
        client(stack, "s3").upload_file(str(file), "modelway-local-data", key)
    done = model.pipeline()
    assert done.returncode == 0, said(done)
    commit = model.git("rev-parse", "HEAD")
    source = model.dotenv("model-source")
    number = int(source["MODELWAY_SOURCE_JOB_ID"])
    state.jobs[number] = commit
    state.artifacts[number] = Artifact.of(model.artifact("model-source"))
    known = {
        "CI_PROJECT_ID": str(PROJECT_ID),
        "CI_PROJECT_PATH": model.path,
        "CI_COMMIT_SHA": commit,
        "CI_COMMIT_TITLE": model.git("log", "-1", "--format=%s"),
        "CI_COMMIT_REF_NAME": "main",
        "CI_DEFAULT_BRANCH": "main",
        "CI_PIPELINE_ID": "901",
        "CI_PIPELINE_URL": f"{model.server}/{model.path}/-/pipelines/901",
    }
    return {**model.bridge_variables(JOB, known | source), "CI_PIPELINE_SOURCE": "pipeline"}


@pytest.fixture(scope="module")
def trained(platform: Project, upstream: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The pipeline that the bridge would start, to its end; `deploy` waits for a person."""
    return platform.pipeline(**upstream)


def record(platform: Project, job: str, name: str) -> dict[str, Any]:
    """A JSON file of a job's artifact."""
    found: dict[str, Any] = json.loads((platform.folder / STATE / "artifacts" / job / "out" / name).read_text())
    return found


def test_the_model_repo_lints_tests_and_packs_its_code(upstream: dict[str, str], model: Project, state: State) -> None:
    assert upstream["UPSTREAM_COMMIT_SHA"] == model.git("rev-parse", "HEAD")
    assert (upstream["MODELWAY_MODEL_NAME"], upstream["UPSTREAM_MR_IID"]) == ("breast-cancer", "")
    assert int(upstream["UPSTREAM_JOB_ID"]) in state.artifacts
    ran = {path.name for path in (model.folder / STATE / "output").iterdir()}
    assert {"lint.log", "unit-tests.log", "model-source.log"} <= ran


def test_each_kind_of_pipeline_has_its_jobs_and_no_other(platform: Project, upstream: dict[str, str]) -> None:
    assert platform.jobs(**upstream) == {
        **dict.fromkeys(TRAINING, "on_success"),
        "deploy": "manual",
        "rollback": "manual",
    }
    of_a_merge_request = {**upstream, "UPSTREAM_MR_IID": "5"}
    assert set(platform.jobs(**of_a_merge_request)) == TRAINING
    assert set(platform.jobs(**{**upstream, "UPSTREAM_REF": "feature"})) == TRAINING
    assert set(platform.jobs(CI_PIPELINE_SOURCE="schedule", MODELWAY_SCHEDULE="daily")) == {"retrain-all"}
    own = set(platform.jobs(CI_PIPELINE_SOURCE="push"))
    assert {"platform-lint", "platform-unit", "platform-integration"} <= own
    assert not own & (TRAINING | {"deploy", "rollback", "retrain-all"})


def test_the_downstream_pipeline_trains_the_image_that_buildah_built(
    platform: Project, trained: subprocess.CompletedProcess[str], stack: Stack, upstream: dict[str, str]
) -> None:
    assert trained.returncode == 0, said(trained)
    image = record(platform, "push-image", "image.json")
    assert image["version"] == "1.0.0"
    ecr = client(stack, "ecr")
    name = "modelway/breast-cancer"
    found = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageDigest": image["digest"]}])["images"][0]
    manifest = json.loads(found["imageManifest"])
    assert manifest["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    kept = record(platform, "train", "record.json")
    assert kept["image_digest"] == image["digest"]
    job = client(stack, "sagemaker").describe_training_job(TrainingJobName=kept["training_job_name"])
    assert job["TrainingJobStatus"] == "Completed"
    assert job["AlgorithmSpecification"]["TrainingImage"].endswith(f"{name}@{image['digest']}")
    request = record(platform, "train", "request.json")
    assert request["provenance"]["commit_sha"] == upstream["UPSTREAM_COMMIT_SHA"]
    assert request["provenance"]["project_path"] == "risk/breast-cancer"


def test_what_is_in_the_image_is_kept_beside_its_digest(
    platform: Project, trained: subprocess.CompletedProcess[str], stack: Stack
) -> None:
    digest = record(platform, "push-image", "image.json")["digest"].removeprefix("sha256:")
    body = client(stack, "s3").get_object(
        Bucket="modelway-local-artifacts", Key=f"breast-cancer/images/{digest}.cdx.json"
    )["Body"]
    found = {(part["name"], part.get("version")) for part in json.loads(body.read())["components"]}
    locked = dict(LOCKED.findall((ROOT / "examples/breast-cancer/requirements.txt").read_text()))
    assert ("scikit-learn", locked["scikit-learn"]) in found
    assert any(name == "libc6" for name, _ in found)


def test_a_critical_finding_stops_the_pipeline(
    platform: Project, trained: subprocess.CompletedProcess[str], stack: Stack, upstream: dict[str, str]
) -> None:
    assert "not scanned: no scan of modelway/breast-cancer" in trained.stdout
    advisory = {"name": "CVE-2026-0001", "package": "waitress", "affected": "<99", "severity": "CRITICAL"}
    file = Path(stack.home) / "advisories.json"
    try:
        file.write_text(json.dumps([advisory]))
        refused = platform.pipeline("scan-image", **upstream)
        assert refused.returncode != 0
        assert "has 1 critical findings" in refused.stdout + refused.stderr
        assert "CVE-2026-0001 waitress 3." in refused.stdout + refused.stderr
        file.write_text(json.dumps([{**advisory, "severity": "HIGH"}]))
        assert platform.pipeline("scan-image", **upstream).returncode == 0
    finally:
        file.unlink()


def test_no_log_shows_a_token(platform: Project, trained: subprocess.CompletedProcess[str]) -> None:
    assert "right-token" not in trained.stdout + trained.stderr


def test_the_report_of_a_merge_request_is_one_note(
    platform: Project, trained: subprocess.CompletedProcess[str], upstream: dict[str, str], state: State
) -> None:
    for _ in range(2):
        done = platform.pipeline("report", **{**upstream, "UPSTREAM_MR_IID": "5"})
        assert done.returncode == 0, said(done)
    (note,) = state.notes[5].values()
    assert "### breast-cancer 1.0.0+r0: first version of this model" in note["body"]
    assert "| roc_auc ↑ |" in note["body"]
    assert "![plot](/uploads/" in note["body"]
    assert b"\x89PNG" in state.uploads[-1]
    assert f"[DAG run]({record(platform, 'train', 'run.json')['url']})" in note["body"]


def test_the_manual_job_makes_an_endpoint(
    platform: Project, trained: subprocess.CompletedProcess[str], upstream: dict[str, str], stack: Stack, model: Project
) -> None:
    done = platform.pipeline("deploy", **upstream)
    assert done.returncode == 0, said(done)
    answer = client(stack, "sagemaker-runtime").invoke_endpoint(
        EndpointName="modelway-breast-cancer",
        Body=(model.folder / "samples" / "request.json").read_bytes(),
        ContentType="application/json",
    )
    predictions = json.loads(answer["Body"].read())["predictions"]
    assert {item["label"] for item in predictions} <= {"benign", "malignant"}
    assert record(platform, "push-image", "image.json")["digest"] in answer["CustomAttributes"]


def test_the_schedule_trains_the_same_image_again(
    platform: Project, trained: subprocess.CompletedProcess[str], stack: Stack
) -> None:
    done = platform.pipeline(CI_PIPELINE_SOURCE="schedule", MODELWAY_SCHEDULE="daily")
    assert done.returncode == 0, said(done)
    assert "breast-cancer: retrained" in done.stdout
    sagemaker = client(stack, "sagemaker")
    names = [item["ModelName"] for item in sagemaker.list_models(NameContains="breast-cancer")["Models"]]
    assert len(names) == 2
    assert any("r1" in name for name in names)
