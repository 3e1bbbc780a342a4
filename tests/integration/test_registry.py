"""Images built, pushed and unpacked, and versions reserved, over HTTP against the gateway's own server."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from modelway_local.gateway.server import Gateway, Server
from modelway_local.iam.credentials import Keyring
from modelway_local.registry.store import RegistryStore

from modelway.contracts import Image
from modelway.contracts.reading import read_model_spec
from modelway.errors import PlatformError
from modelway.packaging.dependencies import Dependencies
from modelway.packaging.image import LABEL_IO_SCHEMA, LABEL_REVISION, BuiltImage, build_image, manifest_of
from modelway.packaging.layers import write_layer
from modelway.packaging.registry import Registry, TagTaken
from modelway.pipeline.publishing import Publisher
from modelway.platform import Platform

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast-cancer"
SPEC = read_model_spec(EXAMPLE / "model.yaml")
PLATFORM = Platform(
    data_bucket="modelway-local-data",
    artifacts_bucket="modelway-local-artifacts",
    job_role_arn="arn:aws:iam::123456789012:role/modelway-local-job-{model}",
    endpoint_role_arn="arn:aws:iam::123456789012:role/modelway-local-endpoint-{model}",
    signing_key_id="alias/modelway-local-signing",
    sns_topic_arn="arn:aws:sns:eu-west-1:123456789012:modelway-local-notifications",
)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway of this test's own; nothing here needs moto, so none runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        **Keyring(tmp_path / "home").of().environment(),
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    gateway = Gateway(tmp_path / "home", port, "http://127.0.0.1:9")
    server = Server(port, gateway)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield address
    server.shutdown()
    server.server_close()
    gateway.close()


def model_repo(folder: Path, line: str = "") -> Path:
    """The example with `line` added to its code."""
    shutil.copytree(EXAMPLE, folder)
    with (folder / "src" / "model.py").open("a") as file:
        file.write(line)
    return folder


def built(repo: Path, work: Path) -> BuiltImage:
    """The image of a repo, with a dependency layer of one small file."""
    work.mkdir(parents=True)
    (work / "package.py").write_text("")
    layer = write_layer([("opt/program-deps/package.py", work / "package.py")], work / "deps.tar.gz")
    return build_image(repo, SPEC, Dependencies(work, layer, "3.11"), work)


def registry_of(url: str) -> Registry:
    """The repository modelway/fraud, created."""
    boto3.client("ecr").create_repository(repositoryName="modelway/fraud", imageTagMutability="IMMUTABLE")
    return Registry(url, "modelway/fraud", authorization())


def authorization() -> str:
    """What a client of the registry sends, by ECR's token."""
    [data] = boto3.client("ecr").get_authorization_token()["authorizationData"]
    return f"Basic {data['authorizationToken']}"


def test_what_is_pushed_is_what_ecr_describes_and_the_runtime_unpacks(url: str, tmp_path: Path) -> None:
    registry = registry_of(url)
    image = built(model_repo(tmp_path / "repo"), tmp_path / "work")
    assert registry.push(image, "1.0.0") == image.digest
    found: Any = boto3.client("ecr").batch_get_image(repositoryName="modelway/fraud", imageIds=[{"imageTag": "1.0.0"}])
    assert found["images"][0]["imageId"]["imageDigest"] == image.digest
    assert found["images"][0]["imageManifest"].encode() == image.manifest
    assert set(json.loads(registry.labels("1.0.0")[LABEL_IO_SCHEMA])) == {"request", "response"}
    unpacked = RegistryStore(tmp_path / "home").unpack(f"{url.removeprefix('http://')}/modelway/fraud@{image.digest}")
    code = (unpacked.rootfs / "opt/program/model.py").read_text()
    assert code == (EXAMPLE / "src" / "model.py").read_text()


def test_a_tag_that_names_this_image_is_adopted_and_another_is_taken(url: str, tmp_path: Path) -> None:
    registry = registry_of(url)
    one = built(model_repo(tmp_path / "one"), tmp_path / "work-one")
    two = built(model_repo(tmp_path / "two", "# two\n"), tmp_path / "work-two")
    assert registry.push(one, "1.0.0") == registry.push(one, "1.0.0") == one.digest
    with pytest.raises(TagTaken):
        registry.push(two, "1.0.0")
    assert registry.digest_of("1.0.0") == one.digest


def test_what_the_registry_holds_is_compared_with_what_was_sent(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that rewrites manifests, as some do to OCI's, would give a digest that nobody built."""
    registry = registry_of(url)
    image = built(model_repo(tmp_path / "repo"), tmp_path / "work")
    put = RegistryStore.put_manifest
    rewritten: Any = lambda store, name, tag, body: put(store, name, tag, body + b"\n")  # noqa: E731
    monkeypatch.setattr(RegistryStore, "put_manifest", rewritten)
    with pytest.raises(PlatformError, match="not the manifest that was pushed"):
        registry.push(image, "1.0.0")


def test_a_commit_that_changes_nothing_keeps_version_and_digest(url: str, tmp_path: Path) -> None:
    repo = model_repo(tmp_path / "repo")
    publisher = Publisher(PLATFORM, SPEC.name)
    image = built(repo, tmp_path / "work")
    first, _ = publisher.push(of_commit(image, "a" * 40), repo, SPEC, "feat: a")
    again, why = publisher.push(of_commit(image, "b" * 40), repo, SPEC, "feat: b")
    assert (again, why.bump) == (first, "none")
    assert first.digest == of_commit(image, "a" * 40).digest != of_commit(image, "b" * 40).digest


def of_commit(image: BuiltImage, commit: str) -> BuiltImage:
    """The image with the label that names its commit, as buildah's images have it."""
    config = json.loads(image.config)
    config["config"]["Labels"][LABEL_REVISION] = commit
    body = json.dumps(config).encode()
    return BuiltImage(manifest_of(body, image.layers), body, image.layers)


def test_an_image_without_a_base_is_not_pushed_to_an_account(url: str, tmp_path: Path) -> None:
    boto3.client("ecr").create_repository(repositoryName=f"modelway/{SPEC.name}", imageTagMutability="IMMUTABLE")
    publisher = Publisher(PLATFORM.model_copy(update={"environment": "dev"}), SPEC.name)
    repo = model_repo(tmp_path / "repo")
    with pytest.raises(PlatformError, match="MODELWAY_BUILDER=buildah"):
        publisher.push(built(repo, tmp_path / "work"), repo, SPEC, "feat: a")


def test_a_repository_that_does_not_exist_is_refused(url: str, tmp_path: Path) -> None:
    image = built(model_repo(tmp_path / "repo"), tmp_path / "work")
    with pytest.raises(PlatformError, match="NAME_UNKNOWN"):
        Registry(url, "modelway/nobody", authorization()).push(image, "1.0.0")


def test_versions_follow_the_contract_and_equal_content_keeps_its_version(url: str, tmp_path: Path) -> None:
    publisher = Publisher(PLATFORM, SPEC.name)

    def publish(repo: Path, title: str) -> Image:
        image = built(repo, tmp_path / "work" / f"{repo.name}-{time.monotonic_ns()}")
        return publisher.push(image, repo, SPEC, title)[0]

    first = model_repo(tmp_path / "first")
    assert publish(first, "feat: begin").version == "1.0.0"
    assert publish(first, "feat: nothing").version == "1.0.0"
    assert publish(model_repo(tmp_path / "fix", "# fix\n"), "fix: a").version == "1.0.1"
    assert publish(model_repo(tmp_path / "feat", "# feat\n"), "feat: b").version == "1.1.0"
    breaking = model_repo(tmp_path / "breaking", "# breaking\n")
    schema = json.loads((breaking / "schema" / "io.json").read_text())
    schema["request"]["required"] = [*schema["request"].get("required", []), "customer"]
    (breaking / "schema" / "io.json").write_text(json.dumps(schema))
    assert publisher.propose(breaking, SPEC, "fix: c").reasons[0] == "request.customer is now required"
    assert publish(breaking, "fix: c").version == "2.0.0"


def test_eight_at_the_same_moment_get_eight_versions(url: str, tmp_path: Path) -> None:
    repos = [model_repo(tmp_path / f"repo-{number}", f"# {number}\n") for number in range(8)]
    images = [built(repo, tmp_path / "work" / repo.name) for repo in repos]
    publishers = [Publisher(PLATFORM, SPEC.name) for _ in repos]
    start = threading.Barrier(8)

    def publish(number: int) -> Image:
        start.wait()
        return publishers[number].push(images[number], repos[number], SPEC, "fix: a")[0]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(publish, range(8)))
    assert sorted(image.version for image in found) == ["1.0.0", *(f"1.0.{patch}" for patch in range(1, 8))]
    assert [image.digest for image in found] == [image.digest for image in images]


def test_a_change_of_code_alone_is_built_pushed_and_unpacked_quickly(url: str, tmp_path: Path) -> None:
    registry = registry_of(url)
    registry.push(built(model_repo(tmp_path / "one"), tmp_path / "work-one"), "1.0.0")
    repo = model_repo(tmp_path / "two", "# two\n")
    work = tmp_path / "work-two"
    begun = time.perf_counter()
    image = built(repo, work)
    took = time.perf_counter() - begun
    registry.push(image, "1.0.1")
    # 0.001-0.015 s measured; the bound is the promise, with nothing else in it.
    assert took <= 0.2
