"""A saved image is read back whole or refused: the job that made it ran code of others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway.contracts.reading import read_model_spec
from modelway.errors import UserError
from modelway.packaging.dependencies import Dependencies, distributions
from modelway.packaging.image import BuiltImage, build_image
from modelway.packaging.layers import write_layer
from modelway.packaging.saved import load, save

EXAMPLE = Path(__file__).parents[3] / "examples" / "breast-cancer"
SPEC = read_model_spec(EXAMPLE / "model.yaml")
DEPENDENCIES = distributions([("package.py", hashlib.sha256(b"").hexdigest())])


@pytest.fixture
def built(tmp_path: Path) -> BuiltImage:
    package = tmp_path / "package.py"
    package.write_text("")
    layer = write_layer([("opt/program-deps/package.py", package)], tmp_path / "deps.tar.gz")
    return build_image(EXAMPLE, SPEC, Dependencies(tmp_path, layer, "3.11"), tmp_path / "work")


@pytest.fixture
def folder(built: BuiltImage, tmp_path: Path) -> Path:
    save(built, tmp_path / "image")
    return tmp_path / "image"


def test_it_is_the_same_image(built: BuiltImage, folder: Path) -> None:
    found = load(folder, EXAMPLE, SPEC, DEPENDENCIES)
    assert (found.digest, found.config) == (built.digest, built.config)
    assert [layer.path.read_bytes() for layer in found.layers] == [layer.path.read_bytes() for layer in built.layers]


def test_saving_again_leaves_nothing_of_the_one_before(built: BuiltImage, folder: Path) -> None:
    (folder / "old.tar.gz").write_text("")
    save(built, folder)
    assert not (folder / "old.tar.gz").exists()


def _change_layer(folder: Path) -> None:
    next(folder.glob("*.tar.gz")).write_bytes(b"other")


def _change_config(folder: Path) -> None:
    (folder / "config.json").write_bytes((folder / "config.json").read_bytes().replace(b"8080/tcp", b"8081/tcp"))


def _point_outside(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["layers"][0]["digest"] = "sha256:../../etc/passwd"
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _make_oci(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace("docker.distribution.manifest.v2", "oci.image.manifest.v1"))


def _remove(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize("damage", [_change_layer, _change_config, _point_outside, _make_oci, _remove])
def test_what_was_changed_is_refused(folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with pytest.raises(UserError, match=r"not a saved image|not Docker v2 schema 2"):
        load(folder, EXAMPLE, SPEC, DEPENDENCIES)


def test_an_image_of_another_spec_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"label dev\.modelway\.spec is not that of"):
        load(folder, EXAMPLE, SPEC.model_copy(update={"description": "another"}), DEPENDENCIES)
