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

from modelway.versioning import locations
from tests.fake_gitlab.server import Artifact, State
from tests.gitlab_ci.projects import STATE, Project

# Whole pipelines, on a machine that may be busy.
pytestmark = [pytest.mark.gitlab, pytest.mark.timeout(1200)]
ROOT = Path(__file__).parents[2]
LOCKED = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
JOB = "train-breast-cancer"
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
    """Inputs that the model repo's pipeline passes on; its data is in S3 and its artifact in GitLab."""
    data = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, str(model.folder / "data.py"), str(data)], check=True)
    for file in data.rglob("*.csv"):
        key = f"breast-cancer/{file.relative_to(data).as_posix()}"
        client(stack, "s3").upload_file(str(file), "modelway-local-data", key)
    done = model.pipeline()
    assert done.returncode == 0, said(done)
    commit = model.git("rev-parse", "HEAD")
    state.projects[42] = {"id": 42, "path_with_namespace": model.path, "default_branch": "main"}
    state.trigger(commit, title=model.git("log", "-1", "--format=%s"))
    state.jobs[7] = commit
    state.artifacts[7] = Artifact.of(model.artifact("model-source"))
    return model.bridge_inputs(JOB)


@pytest.fixture(scope="module")
def trained(platform: Project, upstream: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The pipeline that the bridge would start, as far as it goes by itself: `approve` waits for a person.

    gitlab-ci-local refuses to start a pipeline in which a job needs a manual one, so the last job before it is named.
    """
    return platform.pipeline("report", "--needs", source="pipeline", inputs=upstream)


def record(platform: Project, job: str, name: str) -> dict[str, Any]:
    """A JSON file of a job's artifact."""
    found: dict[str, Any] = json.loads((platform.folder / STATE / "artifacts" / job / "out" / name).read_text())
    return found


def test_the_model_repo_lints_tests_and_packs_its_code(upstream: dict[str, str], model: Project, state: State) -> None:
    assert upstream == {"model_name": "breast-cancer", "model_path": "."}
    ran = {path.name for path in (model.folder / STATE / "output").iterdir()}
    assert {"lint.log", "unit-tests.log", "model-source.log"} <= ran


def test_each_kind_of_pipeline_has_its_jobs_and_no_other(platform: Project, upstream: dict[str, str]) -> None:
    assert platform.jobs("pipeline", **upstream) == {
        **dict.fromkeys(TRAINING | {"deploy"}, "on_success"),
        **dict.fromkeys(["approve", "rollback"], "manual"),
    }
    assert set(platform.jobs("schedule", schedule="daily")) == {"retrain-all"}
    own = set(platform.jobs())
    assert {"platform-lint", "platform-unit", "platform-integration"} <= own
    assert not own & (TRAINING | {"approve", "deploy", "rollback", "retrain-all"})


def test_the_downstream_pipeline_trains_the_image_that_buildah_built(
    platform: Project, trained: subprocess.CompletedProcess[str], stack: Stack, model: Project
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
    assert request["provenance"]["commit_sha"] == model.git("rev-parse", "HEAD")
    assert request["provenance"]["project_path"] == "risk/breast-cancer"


def test_what_is_in_the_image_is_kept_beside_its_digest(
    platform: Project, trained: subprocess.CompletedProcess[str], stack: Stack
) -> None:
    key = locations.bill_of_materials_key("breast-cancer", record(platform, "push-image", "image.json")["digest"])
    body = client(stack, "s3").get_object(Bucket="modelway-local-artifacts", Key=key)["Body"]
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
        refused = platform.pipeline("scan-image", source="pipeline", inputs=upstream)
        assert refused.returncode != 0
        assert "has 1 critical findings" in refused.stdout + refused.stderr
        assert "CVE-2026-0001 waitress 3." in refused.stdout + refused.stderr
        file.write_text(json.dumps([{**advisory, "severity": "HIGH"}]))
        assert platform.pipeline("scan-image", source="pipeline", inputs=upstream).returncode == 0
    finally:
        file.unlink()


def test_no_log_shows_a_token(platform: Project, trained: subprocess.CompletedProcess[str]) -> None:
    assert "right-token" not in trained.stdout + trained.stderr


def test_the_report_of_a_merge_request_is_one_note(
    platform: Project, trained: subprocess.CompletedProcess[str], upstream: dict[str, str], state: State
) -> None:
    before = dict(state.pipelines[901])
    state.pipelines[901] |= {"ref": "refs/merge-requests/5/head", "source": "merge_request_event"}
    state.merge_requests[5] = {"source_project_id": 42}
    try:
        assert platform.pipeline("fetch-model", source="pipeline", inputs=upstream).returncode == 0
        for _ in range(2):
            done = platform.pipeline("report", source="pipeline", inputs=upstream)
            assert done.returncode == 0, said(done)
        refused = platform.pipeline("approve", source="pipeline", inputs=upstream)
        assert "is of merge request 5, which is not merged" in refused.stdout + refused.stderr
    finally:
        state.pipelines[901] = before
        assert platform.pipeline("fetch-model", source="pipeline", inputs=upstream).returncode == 0
    (note,) = state.notes[5].values()
    assert "### breast-cancer 1.0.0+r0: first version of this model" in note["body"]
    assert "| roc_auc ↑ |" in note["body"]
    assert "![plot](/uploads/" in note["body"]
    assert b"\x89PNG" in state.uploads[-1]
    assert f"[DAG run]({record(platform, 'train', 'run.json')['url']})" in note["body"]


def test_the_manual_job_makes_an_endpoint(
    platform: Project, trained: subprocess.CompletedProcess[str], upstream: dict[str, str], stack: Stack, model: Project
) -> None:
    early = platform.pipeline("deploy", source="pipeline", inputs=upstream)
    assert "is not approved" in early.stdout + early.stderr
    for job in ("approve", "deploy"):
        done = platform.pipeline(job, source="pipeline", inputs=upstream)
        assert done.returncode == 0, said(done)
        assert job == "deploy" or "is approved by ada" in done.stdout, "GitLab says who, no variable"
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
    done = platform.pipeline(source="schedule", inputs={"schedule": "daily"})
    assert done.returncode == 0, said(done)
    assert "breast-cancer: retrained" in done.stdout
    sagemaker = client(stack, "sagemaker")
    names = [item["ModelName"] for item in sagemaker.list_models(NameContains="breast-cancer")["Models"]]
    assert len(names) == 2
    assert any("r1" in name for name in names)
