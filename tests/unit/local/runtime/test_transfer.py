"""What goes to S3 from a container's folder, and what does not."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import IO

import pytest
from modelway_local.runtime.transfer import NotAFolder, upload, upload_model


class Bucket:
    """What was uploaded, by address."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def upload_fileobj(self, file: IO[bytes], bucket: str, key: str) -> None:
        self.objects[f"s3://{bucket}/{key}"] = file.read()

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.objects[f"s3://{bucket}/{key}"] = Path(path).read_bytes()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of this machine's, outside every container."""
    path = tmp_path / "ours" / "secret"
    path.parent.mkdir()
    path.write_text("ours")
    return path


def test_a_model_is_packed_and_its_links_stay_links(tmp_path: Path, secret: Path) -> None:
    model, bucket = tmp_path / "ml" / "model", Bucket()
    model.mkdir(parents=True)
    (model / "weights").write_text("w")
    (model / "link").symlink_to(secret)
    (tmp_path / "ml" / "model.tar.gz").symlink_to(secret)
    upload_model(bucket, model, "s3://b/k/model.tar.gz")
    assert secret.read_text() == "ours", "what the container laid beside its model is not written through"
    with tarfile.open(fileobj=io.BytesIO(bucket.objects["s3://b/k/model.tar.gz"])) as tar:
        assert sorted((member.name, member.issym()) for member in tar) == [("link", True), ("weights", False)]


def test_a_link_in_the_models_place_is_refused(tmp_path: Path, secret: Path) -> None:
    model, bucket = tmp_path / "ml" / "model", Bucket()
    model.parent.mkdir()
    model.symlink_to(secret.parent, target_is_directory=True)
    with pytest.raises(NotAFolder, match="/opt/ml/model is not a folder"):
        upload_model(bucket, model, "s3://b/k")
    assert not bucket.objects


def test_outputs_are_copied_without_links(tmp_path: Path, secret: Path) -> None:
    output, bucket = tmp_path / "output", Bucket()
    (output / "plots").mkdir(parents=True)
    (output / "plots" / "roc.png").write_text("png")
    (output / "stolen").symlink_to(secret)
    (output / "folder").symlink_to(secret.parent, target_is_directory=True)
    assert upload(bucket, output, "s3://b/out/") == 1
    assert list(bucket.objects) == ["s3://b/out/plots/roc.png"]
