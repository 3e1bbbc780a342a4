"""Files between S3 and a job's folders."""

from __future__ import annotations

import json
import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

MANIFEST_MAXIMUM_BYTES = 64 * 1024 * 1024


class NotAFolder(Exception):
    """Raised when a container left something else where its folder was."""


class InputMissing(Exception):
    """Raised when an S3 address holds nothing, or nothing that can be laid out as files."""


class InputEmpty(InputMissing):
    """Raised when no object is where an address points."""


def split(uri: str) -> tuple[str, str]:
    """(bucket, key) of s3://bucket/key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def download(client: Any, uri: str, folder: Path, data_type: str = "S3Prefix") -> int:
    """Copy what a data source names into `folder`, as SageMaker does; returns how many files. Raises InputMissing.

    `data_type`: S3Prefix takes every key that begins with the address, as S3 does: `train` takes `train_old/` as well.
    ManifestFile takes the keys that the JSON at the address lists, S3Object the one object.
    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken: dict[str, str] = {}
    for address, name in _sources(client, uri, data_type):
        if name in taken:
            raise InputMissing(f"{taken[name]} and {address} would be one file, {name!r}")
        taken[name] = address
    if not taken:
        raise InputEmpty(f"No S3 objects found under S3 URL {uri!r}")
    for name, address in taken.items():
        _fetch(client, address, name, folder)
    return len(taken)


def _sources(client: Any, uri: str, data_type: str) -> Iterator[tuple[str, str]]:
    """(address, path in the folder) of each object; what a console made to stand for a folder is none."""
    if data_type == "ManifestFile":
        yield from _listed(client, uri)
        return
    bucket, prefix = split(uri)
    if data_type == "S3Object":
        yield uri, prefix.rsplit("/", 1)[-1]
        return
    try:
        pages = list(client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    except client.exceptions.NoSuchBucket as error:
        raise InputMissing(f"No S3 bucket {bucket} for {uri}") from error
    for key in (item["Key"] for page in pages for item in page.get("Contents", [])):
        if not key.endswith("/"):
            yield f"s3://{bucket}/{key}", _name_under(prefix, key)


def _name_under(prefix: str, key: str) -> str:
    """A key's path below its prefix; where the prefix ends inside a name, the whole of that name is kept.

    Source: https://github.com/aws/sagemaker-python-sdk/issues/3612 (what jobs on SageMaker see)
    """
    base = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    return key[len(base) :] if key.startswith(base) else key[prefix.rfind("/") + 1 :]


def _listed(client: Any, uri: str) -> Iterator[tuple[str, str]]:
    """The objects of a manifest, `[{"prefix": "s3://bucket/some/"}, "a.csv"]`; each keeps its whole key as path."""
    bucket, key = split(uri)
    try:
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read(MANIFEST_MAXIMUM_BYTES)
        head, *names = json.loads(body)
        prefix = head["prefix"]
    except (client.exceptions.ClientError, ValueError, TypeError, KeyError) as error:
        raise InputMissing(f"{uri} is no manifest: {error}") from error
    if (
        not isinstance(prefix, str)
        or not prefix.startswith("s3://")
        or not all(isinstance(name, str) for name in names)
    ):
        raise InputMissing(f"{uri} is no manifest: it must be a list of a prefix and keys")
    for name in names:
        address = f"{prefix}{name}"
        yield address, split(address)[1]


def _fetch(client: Any, address: str, name: str, folder: Path) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path == folder:
        raise InputMissing(f"{address} leads out of the channel's folder")
    bucket, key = split(address)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        client.download_file(bucket, key, str(path))
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise InputMissing(f"{address} would be a file where another key has a folder") from error
    except client.exceptions.ClientError as error:
        raise InputMissing(f"No S3 object {address}: {error}") from error


class Mirror:
    """A container's folder whose files are copied below an S3 address, each again when it has changed.

    The container may still run, and put a link where a file or a folder was while it is copied; so each file is opened
    below `root` part by part, and never through a link, which may name any file of ours.
    """

    def __init__(self, client: Any, root: Path, folder: Path, uri: str) -> None:
        self._client, self._root, self._folder, self._uri = client, root, folder, uri
        self._sent: dict[Path, tuple[int, int]] = {}

    def send(self) -> int:
        """Copy what is new or has changed since the last time; returns how many."""
        bucket, prefix = split(self._uri)
        count = 0
        for path in _files(self._folder):
            try:
                with _opened(self._root, path) as file:
                    about = os.fstat(file.fileno())
                    version = (about.st_mtime_ns, about.st_size)
                    if self._sent.get(path) == version:
                        continue
                    key = f"{prefix.rstrip('/')}/{path.relative_to(self._folder).as_posix()}".lstrip("/")
                    self._client.upload_fileobj(file, bucket, key)
            except OSError:
                continue  # removed, or no file any more
            self._sent[path] = version
            count += 1
        return count

    def known(self) -> None:
        """Take what is there now for sent: it came from S3."""
        for path in _files(self._folder):
            about = path.stat()
            self._sent[path] = (about.st_mtime_ns, about.st_size)


def _opened(root: Path, path: Path) -> IO[bytes]:
    """A file below `root`, opened through no link. Raises OSError for one, and for what is no file."""
    *folders, name = path.relative_to(root).parts
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        file = os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at), "rb")
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path} is no file")
    return file


def _files(folder: Path) -> list[Path]:
    """Every file below a folder that is one; not through links, which may name any file of ours."""
    if folder.is_symlink():
        return []
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]


def holds_files(folder: Path) -> bool:
    """Whether a container left a file, or a link, in a folder."""
    return folder.is_dir() and not folder.is_symlink() and any(not path.is_dir() for path in folder.rglob("*"))


def upload_archive(client: Any, folder: Path, uri: str) -> None:
    """Pack the content of `folder` as tar.gz and put it at `uri`; links in it stay links.

    The folder is the container's, so the archive is made elsewhere. Raises NotAFolder when the container put something
    else in its place: a link there would name any folder of ours.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise NotAFolder(f"/opt/ml/{folder.name} is not a folder any more")
    bucket, key = split(uri)
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
            for path in sorted(folder.iterdir()):
                tar.add(path, arcname=path.name)
        file.seek(0)
        client.upload_fileobj(file, bucket, key)


def unpack_model(client: Any, uri: str, folder: Path) -> None:
    """Fetch a model.tar.gz and unpack it. Raises InputMissing when it is not there, is none, or holds a link.

    SageMaker does not unpack an archive with links (aws/amazon-sagemaker-examples, reports of large models), so an
    archive with one fails here as well.
    """
    bucket, key = split(uri)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.parent / "fetched-model.tar.gz"
    try:
        client.download_file(bucket, key, str(archive))
    except client.exceptions.ClientError as error:
        raise InputMissing(f"Could not find model data at {uri}: {error}") from error
    try:
        with tarfile.open(archive) as tar:
            links = [member.name for member in tar if member.issym() or member.islnk()]
            if links:
                raise InputMissing(f"{uri} holds links, which SageMaker does not unpack: {', '.join(links[:5])}")
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputMissing(f"{uri} cannot be unpacked: {error}") from error
    finally:
        archive.unlink(missing_ok=True)


def fetch_model(client: Any, container: dict[str, Any], folder: Path) -> None:
    """What a model's container finds in /opt/ml/model: ModelDataUrl, or ModelDataSource. Raises InputMissing.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/large-model-inference-uncompressed.html
    """
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    if uri := container.get("ModelDataUrl"):
        unpack_model(client, uri, folder)
    elif source.get("CompressionType") == "Gzip":
        unpack_model(client, source["S3Uri"], folder)
    elif source:
        download(client, source["S3Uri"], folder, source["S3DataType"])
