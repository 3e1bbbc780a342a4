"""Fetch a model's code: the artifact of one job, by its id, streamed to disk and unpacked safely."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import gitlab

from modelway.errors import UserError
from modelway.gitlab.client import GitLabRefused, explained

MEBIBYTE = 1024 * 1024
MAXIMUM_ARCHIVE = 1024 * MEBIBYTE
MAXIMUM_UNPACKED = 2048 * MEBIBYTE
MAXIMUM_FILES = 20_000
MAXIMUM_RATIO = 200  # unpacked to packed bytes, judged above RATIO_FLOOR only
RATIO_FLOOR = 50 * MEBIBYTE
CHUNK = MEBIBYTE
# git, run in a folder that holds one of these, would obey its configuration, which may name programs to run.
REPOSITORY = frozenset({".git", "git~1"})


class ArtifactUnsafe(UserError):
    """Raised when an archive would write outside its folder, or is far larger than it looks."""


class ArtifactGone(UserError):
    """Raised when the job has no artifact: expired, erased or never made."""


class _Limited:
    """A writer that refuses more than `maximum` bytes."""

    def __init__(self, target: BinaryIO, maximum: int) -> None:
        self._target = target
        self._left = maximum

    def write(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._left < 0:
            raise ArtifactUnsafe("the artifact is larger than allowed", fix="leave data out of the model repo")
        self._target.write(chunk)


def fetch(client: gitlab.Gitlab, project_id: int, job_id: int, commit_sha: str, into: Path) -> Path:
    """Put the files of job `job_id` into the new folder `into`; memory stays at one chunk.

    Raises ArtifactGone, ArtifactUnsafe, or UserError when the job is of another commit; GitLab's own failures as
    in `client.explained`. `into` exists only after success.
    """
    if into.exists() and any(into.iterdir()):
        raise UserError(f"{into} is not empty", fix="choose another folder")
    with tempfile.TemporaryFile() as archive:
        download(client, project_id, job_id, commit_sha, archive)
        archive.seek(0)
        return unpack(archive, into)


def download(client: gitlab.Gitlab, project_id: int, job_id: int, commit_sha: str, target: BinaryIO) -> None:
    """Stream the job's archive to `target`, after checking that the job is of `commit_sha` ("" checks nothing)."""
    doing = f"fetch job {job_id} of project {project_id}"
    with explained(doing):
        job = client.projects.get(project_id, lazy=True).jobs.get(job_id)
    found = str(job.attributes.get("commit", {}).get("id", ""))
    if commit_sha and found != commit_sha:
        raise UserError(f"{doing}: the job is of commit {found[:12]}, not of {commit_sha[:12]}")
    limited = _Limited(target, MAXIMUM_ARCHIVE)
    try:
        with explained(doing):
            job.artifacts(streamed=True, action=limited.write, chunk_size=CHUNK)
    except GitLabRefused as error:
        if "answers 404" in error.message:
            raise ArtifactGone(
                f"{doing}: it has no artifact; it expired or was erased", fix="run the upstream pipeline again"
            ) from error
        raise


def _check(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAXIMUM_FILES:
        raise ArtifactUnsafe(f"the artifact has {len(infos)} files; at most {MAXIMUM_FILES} are allowed")
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if unpacked > MAXIMUM_UNPACKED or (unpacked > RATIO_FLOOR and unpacked > MAXIMUM_RATIO * max(packed, 1)):
        raise ArtifactUnsafe(f"the artifact unpacks from {packed} to {unpacked} bytes: refused as a zip bomb")
    for info in infos:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        mode = info.external_attr >> 16
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
            raise ArtifactUnsafe(f"the artifact's entry {info.filename!r} points outside its folder")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArtifactUnsafe(f"the artifact's entry {info.filename!r} is a link or a device")


def unpack(archive: BinaryIO, into: Path) -> Path:
    """Unpack a zip into `into`, all or nothing. Sizes are enforced while writing: headers may lie.

    A git repository in it is left out, at any depth: what others packed is never a repository of ours.

    Raises ArtifactUnsafe.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".unpack-") as folder:
        staged = Path(folder) / "files"
        staged.mkdir()
        try:
            with zipfile.ZipFile(archive) as opened:
                _check(opened.infolist())
                for info in filter(_ships, opened.infolist()):
                    _write(opened, info, staged)
        except zipfile.BadZipFile as error:
            raise ArtifactUnsafe(f"the artifact is not a sound zip file: {error}") from error
        if into.exists():
            into.rmdir()
        shutil.move(staged, into)
    return into


def _ships(info: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(info.filename.replace("\\", "/")).parts
    return not any(part.lower().rstrip(". ") in REPOSITORY for part in parts)


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / info.filename
    if info.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(info) as source, target.open("wb") as sink:
        limited = _Limited(sink, info.file_size)
        while chunk := source.read(CHUNK):
            limited.write(chunk)
    target.chmod(0o755 if (info.external_attr >> 16) & 0o100 else 0o644)
