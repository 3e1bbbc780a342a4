"""The image of a model depends on its content alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from modelway.contracts import ModelSpec
from modelway.contracts.reading import read_model_spec
from modelway.errors import UserError
from modelway.packaging.dependencies import Dependencies
from modelway.packaging.image import MANIFEST_TYPE, BuiltImage, build_image, read_io_schema
from modelway.packaging.layers import write_layer

EXAMPLE = Path(__file__).parents[3] / "examples" / "breast-cancer"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "repo"))


def spec_of(repo: Path) -> ModelSpec:
    return read_model_spec(repo / "model.yaml")


def build(repo: Path, work: Path) -> BuiltImage:
    """The image of `repo` with a dependency layer of one small file."""
    work.mkdir()
    package = work / "package.py"
    package.write_text("")
    layer = write_layer([("opt/program-deps/package.py", package)], work / "deps.tar.gz")
    return build_image(repo, spec_of(repo), Dependencies(work, layer, "3.11"), work)


def test_the_same_content_has_the_same_digest(repo: Path, tmp_path: Path) -> None:
    first = build(repo, tmp_path / "one")
    again = build(Path(shutil.copytree(repo, tmp_path / "elsewhere")), tmp_path / "two")
    assert first.digest == again.digest


def test_only_the_code_layer_follows_the_code(repo: Path, tmp_path: Path) -> None:
    first = build(repo, tmp_path / "one")
    with (repo / "src" / "model.py").open("a") as file:
        file.write("# another line\n")
    second = build(repo, tmp_path / "two")
    assert first.digest != second.digest
    assert [a.digest == b.digest for a, b in zip(first.layers, second.layers, strict=True)] == [True, True, False]


def test_the_manifest_is_docker_v2s2_and_the_config_follows_the_container_contract(repo: Path, tmp_path: Path) -> None:
    built = build(repo, tmp_path / "one")
    manifest, config = json.loads(built.manifest), json.loads(built.config)
    assert (manifest["schemaVersion"], manifest["mediaType"]) == (2, MANIFEST_TYPE)
    assert config["rootfs"]["diff_ids"] == [layer.diff_id for layer in built.layers]
    container = config["config"]
    assert container["Entrypoint"] == ["python", "/opt/program/container.py"]
    assert "PYTHONPATH=/opt/program:/opt/program-deps" in container["Env"]
    assert "User" not in container
    assert container["Labels"]["dev.modelway.interpreter"] == "3.11"
    assert json.loads(container["Labels"]["dev.modelway.io-schema"]) == read_io_schema(repo)


def test_the_schema_may_name_its_dialect(repo: Path) -> None:
    assert set(read_io_schema(repo)) == {"request", "response"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "not JSON", id="malformed"),
        pytest.param("[]", "exactly 'request' and 'response'", id="a list"),
        pytest.param('{"request": {}}', "exactly", id="one is missing"),
        pytest.param('{"request": {}, "response": {}, "more": {}}', "exactly", id="one too many"),
        pytest.param('{"request": {}, "response": 3}', "exactly", id="not a schema"),
    ],
)
def test_a_wrong_schema_file_is_the_users_to_mend(repo: Path, text: str, message: str) -> None:
    (repo / "schema" / "io.json").write_text(text)
    with pytest.raises(UserError, match=message):
        read_io_schema(repo)


def test_a_repo_without_its_entrypoint_is_refused(repo: Path, tmp_path: Path) -> None:
    (repo / "src" / "container.py").unlink()
    with pytest.raises(UserError, match=r"container\.py is missing"):
        build(repo, tmp_path / "one")
