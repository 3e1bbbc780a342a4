"""Images that buildah really builds from a model repo's Dockerfile."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway.contracts.reading import read_model_spec
from modelway.errors import PlatformError, UserError
from modelway.packaging import buildah as module
from modelway.packaging.buildah import Build, build, build_command
from modelway.packaging.image import (
    LABEL_INTERPRETER,
    LABEL_REVISION,
    LABEL_SOURCE,
    LABEL_SPEC,
    MANIFEST_TYPE,
    BuiltImage,
    Origin,
    content_of,
)
from modelway.packaging.saved import load, save

pytestmark = pytest.mark.container
EXAMPLE = Path(__file__).parents[2] / "examples" / "breast-cancer"
ORIGIN = Origin("a" * 40, "https://gitlab.example/ml/churn")


def request(repo: Path, base: str) -> Build:
    """A build of the example without its dependencies, so that no index is needed."""
    shutil.copytree(EXAMPLE, repo)
    (repo / "requirements.txt").write_text("")
    return Build(repo, read_model_spec(repo / "model.yaml"), ORIGIN, "3.11", base_image=base, storage_driver="overlay")


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELWAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def wanted(base: str, tmp_path: Path) -> Build:
    """A build to change."""
    return request(tmp_path / "repo", base)


@pytest.fixture(scope="module")
def first(base: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Build, BuiltImage]:
    """The unchanged build and its image."""
    wanted = request(tmp_path_factory.mktemp("first") / "repo", base)
    return wanted, build(wanted, lambda _: None)


def files(image: BuiltImage) -> dict[str, bytes]:
    """Content by name, of the layers above the base."""
    found = {}
    for layer in image.layers[1:]:
        with tarfile.open(layer.path) as tar:
            found |= {item.name: file.read() for item in tar if item.isreg() and (file := tar.extractfile(item))}
    return found


def change(wanted: Build, old: str, new: str) -> None:
    """Edit the Dockerfile."""
    path = wanted.model_dir / "Dockerfile"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_image_is_docker_v2s2_labelled_and_not_roots(first: tuple[Build, BuiltImage]) -> None:
    wanted, built = first
    manifest, config = json.loads(built.manifest), json.loads(built.config)
    assert (manifest["schemaVersion"], manifest["mediaType"]) == (2, MANIFEST_TYPE)
    assert config["rootfs"]["diff_ids"] == [layer.diff_id for layer in built.layers]
    container = config["config"]
    assert "User" not in container
    assert container["Labels"]["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert container["Entrypoint"] == ["python", "/opt/program/container.py"]
    labels = container["Labels"]
    assert (labels[LABEL_REVISION], labels[LABEL_SOURCE]) == (ORIGIN.revision, ORIGIN.source)
    assert labels[LABEL_SPEC] == wanted.spec.canonical_json()
    assert LABEL_INTERPRETER not in labels
    assert {"opt/program/container.py", "opt/program/schema/io.json"} <= set(files(built))


def test_an_empty_cache_gives_the_same_digest(first: tuple[Build, BuiltImage], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, built = first

    def cold(wanted: Build, identifier: Path) -> list[str]:
        *command, folder = build_command(wanted, identifier)
        return [*command, "--no-cache", folder]

    monkeypatch.setattr(module, "build_command", cold)
    assert build(wanted, lambda _: None).digest == built.digest


def test_another_commit_has_the_same_content_and_other_code_has_not(
    first: tuple[Build, BuiltImage], wanted: Build
) -> None:
    _, built = first
    other = build(dataclasses.replace(wanted, origin=Origin("b" * 40)), lambda _: None)
    assert other.digest != built.digest
    assert content_of(other.config) == content_of(built.config)
    (wanted.model_dir / "src" / "model.py").write_text("# other code\n")
    assert content_of(build(wanted, lambda _: None).config) != content_of(built.config)


def test_a_dollar_in_the_description_is_a_dollar(wanted: Build) -> None:
    spec = wanted.spec.model_copy(update={"description": "costs $5, or ${HOME}"})
    built = build(dataclasses.replace(wanted, spec=spec), lambda _: None)
    assert json.loads(built.config)["config"]["Labels"][LABEL_SPEC] == spec.canonical_json()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('ENTRYPOINT ["python", "/opt/program/container.py"]', "ENTRYPOINT []", "no ENTRYPOINT"),
        ("EXPOSE 8080", "RUN echo this is the reason >&2; false", "this is the reason"),
    ],
    ids=["nothing to run", "a failing step"],
)
def test_what_sagemaker_could_not_run_is_the_model_teams_error(wanted: Build, old: str, new: str, said: str) -> None:
    change(wanted, old, new)
    with pytest.raises(UserError, match=f"Dockerfile[\\s\\S]*{said}"):
        build(wanted, lambda _: None)


def test_a_base_that_cannot_be_had_is_the_platforms_error(wanted: Build) -> None:
    nowhere = dataclasses.replace(wanted, base_image="127.0.0.1:9/base:1")
    with pytest.raises(PlatformError, match=r"127\.0\.0\.1:9/base:1 cannot be had[\s\S]*MODELWAY_BASE_IMAGE"):
        build(nowhere, lambda _: None)


def test_a_step_sees_no_token_of_the_job(wanted: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWAY_GITLAB_TOKEN", "glpat-secret")
    monkeypatch.setenv("MODELWAY_AWS_TOKEN", "jwt-secret")
    change(wanted, "EXPOSE 8080", "RUN env > /environment\nEXPOSE 8080")
    seen = files(build(wanted, lambda _: None))["environment"]
    assert b"PATH=" in seen
    assert b"secret" not in seen


STEAL = """
import os, pathlib
for process in pathlib.Path("/proc").iterdir():
    try:
        print((process / "environ").read_bytes())
    except OSError:
        pass
try:
    os.mkdir("/within")
    os.chroot("/within")
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    print(pathlib.Path({file!r}).read_text())
except OSError as error:
    print("kept in:", error)
"""


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="read the job's token by a step of the Dockerfile, in another process's environment or outside the chroot",
    stopped_by="the build has a user namespace of its own also where the runner is privileged, and no right to chroot",
)
def test_a_step_reads_nothing_of_the_job(wanted: Build, tmp_path: Path) -> None:
    file = tmp_path / "git-config"
    file.write_text("url = https://gitlab-ci-token:secret@gitlab.com")
    (wanted.model_dir / "src" / "steal.py").write_text(STEAL.format(file=str(file)))
    change(wanted, "EXPOSE 8080", "RUN python /opt/program/steal.py > /seen\nEXPOSE 8080")
    # Root's, and with no more rights than the step has: only the namespace keeps it from being read.
    weak = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "sleep", "600"]
    with subprocess.Popen(weak, env={"PATH": os.environ["PATH"], "CI_JOB_TOKEN": "secret"}) as job:
        try:
            seen = files(build(wanted, lambda _: None))["seen"]
        finally:
            job.kill()
    assert b"kept in: " in seen
    assert b"secret" not in seen


def test_a_saved_image_is_the_image(first: tuple[Build, BuiltImage], tmp_path: Path) -> None:
    wanted, built = first
    save(built, tmp_path / "image")
    found = load(tmp_path / "image", wanted.model_dir, wanted.spec, {})
    assert (found.manifest, found.config) == (built.manifest, built.config)
    assert [layer.digest for layer in found.layers] == [layer.digest for layer in built.layers]
