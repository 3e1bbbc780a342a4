"""Files between S3 and a job's folders."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import Any


class NotAFolder(Exception):
    """Raised when a container left something else where its folder was."""


class InputMissing(Exception):
    """Raised when an S3 address holds nothing."""


def split(uri: str) -> tuple[str, str]:
    """(bucket, key) of s3://bucket/key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def download(client: Any, uri: str, folder: Path) -> int:
    """Copy all objects under the prefix `uri`, as SageMaker does; returns how many. Raises InputMissing at none."""
    bucket, prefix = split(uri)
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    try:
        pages = list(client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    except client.exceptions.NoSuchBucket as error:
        raise InputMissing(f"No S3 bucket {bucket} for {uri}") from error
    for item in (item for page in pages for item in page.get("Contents", [])):
        if item["Key"].endswith("/"):
            continue
        path = folder / _name_under(prefix, item["Key"])
        if not path.resolve().is_relative_to(folder.resolve()):
            raise InputMissing(f"The key {item['Key']} leads out of the channel's folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, item["Key"], str(path))
        count += 1
    if count == 0:
        raise InputMissing(f"No S3 objects found under S3 URL {uri!r}")
    return count


def _name_under(prefix: str, key: str) -> str:
    """A key's path below its prefix; a prefix that ends inside a name keeps that name."""
    base = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    return key[len(base) :] if key.startswith(base) else key.rsplit("/", 1)[-1]


def upload(client: Any, folder: Path, uri: str) -> int:
    """Copy every file of `folder` below `uri`; returns how many. A link is left out: it may name any file of ours."""
    bucket, prefix = split(uri)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    for path in files:
        client.upload_file(str(path), bucket, f"{prefix.rstrip('/')}/{path.relative_to(folder).as_posix()}")
    return len(files)


def upload_model(client: Any, model_dir: Path, uri: str) -> None:
    """Pack the content of `model_dir` as model.tar.gz and put it at `uri`; links in it stay links.

    The folder is the container's, so the archive is made elsewhere. Raises NotAFolder when the container put something
    else in its place: a link there would name any folder of ours.
    """
    if model_dir.is_symlink() or not model_dir.is_dir():
        raise NotAFolder(f"/opt/ml/{model_dir.name} is not a folder any more")
    bucket, key = split(uri)
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
            for path in sorted(model_dir.iterdir()):
                tar.add(path, arcname=path.name)
        file.seek(0)
        client.upload_fileobj(file, bucket, key)


def unpack_model(client: Any, uri: str, folder: Path) -> None:
    """Fetch a model.tar.gz and unpack it. Raises InputMissing when it is not there."""
    bucket, key = split(uri)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.parent / "fetched-model.tar.gz"
    try:
        client.download_file(bucket, key, str(archive))
    except client.exceptions.ClientError as error:
        raise InputMissing(f"Could not find model data at {uri}: {error}") from error
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
