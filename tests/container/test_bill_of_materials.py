"""What syft finds in an image that the pure-Python builder made: no engine and no base is needed for that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelway.contracts.reading import read_model_spec
from modelway.errors import PlatformError
from modelway.packaging.bill_of_materials import describe
from modelway.packaging.dependencies import Dependencies
from modelway.packaging.image import BuiltImage, build_image
from modelway.packaging.layers import write_layer

pytestmark = pytest.mark.container
EXAMPLE = Path(__file__).parents[2] / "examples" / "breast-cancer"
METADATA = "Metadata-Version: 2.1\nName: some-package\nVersion: 1.9.1\nLicense: MIT\n"


@pytest.fixture
def image(tmp_path: Path) -> BuiltImage:
    """The example, with one installed package."""
    (tmp_path / "METADATA").write_text(METADATA)
    name = "opt/program-deps/some_package-1.9.1.dist-info/METADATA"
    layer = write_layer([(name, tmp_path / "METADATA")], tmp_path / "deps.tar.gz")
    spec = read_model_spec(EXAMPLE / "model.yaml")
    return build_image(EXAMPLE, spec, Dependencies(tmp_path, layer, "3.11"), tmp_path / "work")


def test_the_list_names_the_image_and_its_packages(image: BuiltImage) -> None:
    found = json.loads(describe(image, "host/modelway/breast-cancer:1.4.2"))
    assert found["bomFormat"] == "CycloneDX"
    assert found["metadata"]["component"]["name"] == "host/modelway/breast-cancer:1.4.2"
    assert found["metadata"]["component"]["version"] == image.digest
    parts = {(part["name"], part.get("version"), part.get("purl")) for part in found["components"]}
    assert ("some-package", "1.9.1", "pkg:pypi/some-package@1.9.1") in parts


def test_a_layer_that_cannot_be_read_is_no_empty_list(image: BuiltImage) -> None:
    image.layers[1].path.write_bytes(b"not a tar")
    with pytest.raises(PlatformError, match="syft could not read the image"):
        describe(image, "x")
