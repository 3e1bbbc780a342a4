"""Images on disk: whole or absent, and unpacked once."""

from __future__ import annotations

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from modelway_local.registry.store import ImageNotFound, TagExists

URI = "127.0.0.1:4566/modelway/fraud"


def layer(**files: str) -> bytes:
    """A tar of these files."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    return body.getvalue()


def test_an_image_unpacks_by_tag_and_by_digest_to_one_folder(registry: Any) -> None:
    digest = registry.push("1.0.0", layer(model="x"))
    by_tag, by_digest = registry.store.unpack(f"{URI}:1.0.0"), registry.store.unpack(f"{URI}@{digest}")
    assert by_tag == by_digest
    assert (by_tag.rootfs / "model").read_text() == "x"
    assert by_tag.digest == digest
    assert "config" in by_tag.config


def test_eight_at_once_see_the_image_whole(registry: Any) -> None:
    registry.push("1.0.0", layer(**{f"f{number}": "x" for number in range(50)}))
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: len(list(registry.store.unpack(f"{URI}:1.0.0").rootfs.iterdir())), range(8)))
    assert counts == [50] * 8


@pytest.mark.parametrize("reference", [":9.9.9", f"@sha256:{'0' * 64}", ":../../repository.json", "@sha256:../x"])
def test_what_is_not_there_is_said(registry: Any, reference: str) -> None:
    with pytest.raises(ImageNotFound):
        registry.store.unpack(f"{URI}{reference}")


def test_a_layer_that_cannot_be_unpacked_names_the_image(registry: Any) -> None:
    registry.push("1.0.0", b"not a tar")
    with pytest.raises(ImageNotFound, match=r"modelway/fraud:1\.0\.0: a layer cannot be unpacked"):
        registry.store.unpack(f"{URI}:1.0.0")


def test_of_eight_images_one_gets_the_tag(registry: Any) -> None:
    manifests = [registry.manifest(f"layer {number}".encode()) for number in range(8)]

    def put(manifest: bytes) -> str | None:
        try:
            return str(registry.store.put_manifest("modelway/fraud", "1.0.0", manifest))
        except TagExists:
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [digest for digest in pool.map(put, manifests) if digest]
    assert won == [registry.store.manifest("modelway/fraud", "1.0.0")[0]]
