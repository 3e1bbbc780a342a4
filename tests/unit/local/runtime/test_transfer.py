"""What goes to S3 from a container's folder, and what does not."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import IO, Any

import pytest
from modelway_local.runtime import transfer
from modelway_local.runtime.transfer import (
    InputMissing,
    Mirror,
    NotAFolder,
    download,
    fetch_model,
    upload_archive,
)


class Refused(Exception):
    """Stands for the client's errors."""


class Bucket:
    """Objects by address, behind the calls of an S3 client."""

    class exceptions:  # noqa: N801 - the client's own name
        """Where a client has its errors."""

        ClientError = NoSuchBucket = Refused

    def __init__(self, **objects: bytes) -> None:
        self.objects: dict[str, bytes] = {f"s3://b/{key}": body for key, body in objects.items()}

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803 - the client's own names
        start = f"s3://{Bucket}/"
        names = sorted(address[len(start) :] for address in self.objects if address.startswith(start + Prefix))
        return [{"Contents": [{"Key": name} for name in names]}]

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self._body(Bucket, Key))}

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self._body(bucket, key))

    def _body(self, bucket: str, key: str) -> bytes:
        try:
            return self.objects[f"s3://{bucket}/{key}"]
        except KeyError as error:
            raise Refused(key) from error

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
    upload_archive(bucket, model, "s3://b/k/model.tar.gz")
    assert secret.read_text() == "ours", "what the container laid beside its model is not written through"
    with tarfile.open(fileobj=io.BytesIO(bucket.objects["s3://b/k/model.tar.gz"])) as tar:
        assert sorted((member.name, member.issym()) for member in tar) == [("link", True), ("weights", False)]


def test_a_link_in_the_models_place_is_refused(tmp_path: Path, secret: Path) -> None:
    model, bucket = tmp_path / "ml" / "model", Bucket()
    model.parent.mkdir()
    model.symlink_to(secret.parent, target_is_directory=True)
    with pytest.raises(NotAFolder, match="/opt/ml/model is not a folder"):
        upload_archive(bucket, model, "s3://b/k")
    assert not bucket.objects


def test_outputs_are_copied_without_links(tmp_path: Path, secret: Path) -> None:
    output, bucket = tmp_path / "output", Bucket()
    (output / "plots").mkdir(parents=True)
    (output / "plots" / "roc.png").write_text("png")
    (output / "stolen").symlink_to(secret)
    (output / "folder").symlink_to(secret.parent, target_is_directory=True)
    assert Mirror(bucket, tmp_path, output, "s3://b/out/").send() == 1
    assert list(bucket.objects) == ["s3://b/out/plots/roc.png"]


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def bucket_of(*keys: str) -> Bucket:
    return Bucket(**{key: key.encode() for key in keys})


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        pytest.param("s3://b/fraud/train/", {"data.csv": "fraud/train/data.csv"}, id="a folder"),
        pytest.param(
            "s3://b/fraud/train",
            {"data.csv": "fraud/train/data.csv", "train_old/data.csv": "fraud/train_old/data.csv"},
            id="without the slash a sibling comes along, as a file of its own",
        ),
        pytest.param(
            "s3://b/fraud/tr",
            {"train/data.csv": "fraud/train/data.csv", "train_old/data.csv": "fraud/train_old/data.csv"},
            id="a prefix that ends inside a name keeps the name",
        ),
        pytest.param("s3://b/fraud/train/data.csv", {"data.csv": "fraud/train/data.csv"}, id="one object"),
    ],
)
def test_a_prefix_selects_keys_as_s3_does(tmp_path: Path, uri: str, expected: dict[str, str]) -> None:
    """sagemaker-python-sdk#3612, sagemaker-spark#162"""
    assert download(bucket_of("fraud/train/", "fraud/train/data.csv", "fraud/train_old/data.csv"), uri, tmp_path)
    assert files(tmp_path) == expected


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(("in/train/train_x", "in/train_x"), id="the same name"),
        pytest.param(("in/train/a", "in/train/a/b"), id="a file where another has its folder"),
    ],
)
def test_two_keys_never_become_one_file(tmp_path: Path, keys: tuple[str, ...]) -> None:
    with pytest.raises(InputMissing):
        download(bucket_of(*keys), "s3://b/in/train", tmp_path)


def test_a_manifest_names_its_keys(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html"""
    bucket = bucket_of("in/1.csv", "in/2.csv", "in/3.csv")
    bucket.objects["s3://b/m"] = json.dumps([{"prefix": "s3://b/in/"}, "1.csv", "3.csv"]).encode()
    download(bucket, "s3://b/m", tmp_path, "ManifestFile")
    assert files(tmp_path) == {"in/1.csv": "in/1.csv", "in/3.csv": "in/3.csv"}


@pytest.mark.parametrize(
    "body", [b"no json", b"{}", b"[]", b'["a"]', b'[{"prefix": 1}, "a"]', b'[{"prefix": "s3://b/"}, 1]']
)
def test_what_is_no_manifest_is_said(tmp_path: Path, body: bytes) -> None:
    bucket = Bucket(m=body)
    with pytest.raises(InputMissing, match="no manifest"):
        download(bucket, "s3://b/m", tmp_path, "ManifestFile")


def test_a_manifest_leads_out_of_no_folder(tmp_path: Path) -> None:
    bucket = Bucket(m=json.dumps([{"prefix": "s3://b/"}, "../../x"]).encode())
    with pytest.raises(InputMissing, match="leads out"):
        download(bucket, "s3://b/m", tmp_path / "channel", "ManifestFile")


def archive(*, link: bool) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        member = tarfile.TarInfo("weights")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"w"))
        if link:
            latest = tarfile.TarInfo("latest")
            latest.type, latest.linkname = tarfile.SYMTYPE, "weights"
            tar.addfile(latest)
    return raw.getvalue()


@pytest.mark.parametrize(
    "container",
    [
        pytest.param({"ModelDataUrl": "s3://b/m.tar.gz"}, id="ModelDataUrl"),
        pytest.param(
            {
                "ModelDataSource": {
                    "S3DataSource": {"S3Uri": "s3://b/m.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"}
                }
            },
            id="compressed",
        ),
        pytest.param(
            {
                "ModelDataSource": {
                    "S3DataSource": {"S3Uri": "s3://b/raw/", "S3DataType": "S3Prefix", "CompressionType": "None"}
                }
            },
            id="uncompressed",
        ),
    ],
)
def test_a_model_is_in_its_folder(tmp_path: Path, container: dict[str, Any]) -> None:
    bucket = Bucket(**{"m.tar.gz": archive(link=False), "raw/weights": b"w"})
    fetch_model(bucket, container, tmp_path / "model")
    assert files(tmp_path / "model") == {"weights": "w"}


def test_an_archive_with_links_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="holds links, which SageMaker does not unpack: latest"):
        fetch_model(Bucket(**{"m.tar.gz": archive(link=True)}), {"ModelDataUrl": "s3://b/m.tar.gz"}, tmp_path / "model")


def test_a_broken_archive_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="cannot be unpacked"):
        fetch_model(
            Bucket(**{"m.tar.gz": archive(link=False)[:40]}), {"ModelDataUrl": "s3://b/m.tar.gz"}, tmp_path / "m"
        )


def test_a_mirror_sends_what_has_changed(tmp_path: Path) -> None:
    bucket = Bucket()
    (tmp_path / "restored").write_text("old")
    mirror = Mirror(bucket, tmp_path, tmp_path, "s3://b/ck/")
    mirror.known()
    (tmp_path / "new").write_text("1")
    assert (mirror.send(), mirror.send()) == (1, 0)
    (tmp_path / "new").write_text("22")
    assert mirror.send() == 1
    assert bucket.objects == {"s3://b/ck/new": b"22"}


@pytest.mark.attack(
    attacker="code of a model",
    tries="putting a link where its output was while it is copied",
    stopped_by="opening each part of the path without following links",
)
@pytest.mark.parametrize("swapped", ["output", "output/plots", "output/plots/roc.png"])
def test_a_link_that_comes_between_is_not_followed(
    tmp_path: Path, secret: Path, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listing still names the file when the container swaps it."""
    base, bucket = tmp_path / "ml", Bucket()
    file = base / "output" / "plots" / "roc.png"
    file.parent.mkdir(parents=True)
    file.write_text("png")
    for part in ("plots/roc.png", "roc.png"):
        (secret.parent / part).parent.mkdir(exist_ok=True)
        (secret.parent / part).write_text("ours")
    place = base / swapped
    place.rename(tmp_path / "aside")
    place.symlink_to(secret.parent if swapped != "output/plots/roc.png" else secret)
    monkeypatch.setattr(transfer, "_files", lambda folder: [file])
    assert Mirror(bucket, base, base / "output", "s3://b/out").send() == 0
    assert bucket.objects == {}
