"""Equal content makes equal layers."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from pathlib import Path

from modelway.packaging.layers import content_digest, tree, write_layer


def files(folder: Path, time: int) -> list[tuple[str, Path]]:
    """Two files whose only difference between calls is when they were written."""
    folder.mkdir()
    for name in ("b.py", "a.py"):
        (folder / name).write_text(name)
        os.utime(folder / name, (time, time))
    return tree(folder, "opt/program")


def test_the_digest_ignores_times_order_and_place(tmp_path: Path) -> None:
    first = write_layer(files(tmp_path / "one", 1_000), tmp_path / "one.tar.gz")
    second = write_layer(reversed(files(tmp_path / "two", 2_000)), tmp_path / "two.tar.gz")
    assert (first.digest, first.diff_id) == (second.digest, second.diff_id)


def test_the_digests_are_of_the_file_and_of_the_tar(tmp_path: Path) -> None:
    layer = write_layer(files(tmp_path / "one", 1_000), tmp_path / "one.tar.gz")
    body = layer.path.read_bytes()
    assert layer.digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert layer.diff_id == f"sha256:{hashlib.sha256(gzip.decompress(body)).hexdigest()}"
    assert layer.size == len(body)
    with tarfile.open(layer.path) as tar:
        assert tar.getnames() == ["opt/program/a.py", "opt/program/b.py"]
        assert {(member.mtime, member.uid, member.mode) for member in tar} == {(0, 0, 0o644)}


def test_caches_hidden_files_and_links_are_left_out(tmp_path: Path) -> None:
    for name in ("model.py", ".env", "__pycache__/model.pyc", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert [name for name, _ in tree(tmp_path, "p")] == ["p/model.py"]


def test_a_rename_changes_the_content_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert content_digest([("a", tmp_path / "a")]) != content_digest([("b", tmp_path / "a")])
