"""Zips are the same bytes whatever the files' dates, modes and order."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from ci.terraform.archive import files_below, write_zip


def test_dates_and_modes_do_not_change_the_zip(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "b.py").write_text("b = 1\n")
    (source / "a.py").write_text("a = 1\n")
    first = write_zip(tmp_path / "first.zip", files_below(source))
    (source / "a.py").chmod(0o600)
    os.utime(source / "b.py", (1, 1_700_000_000))
    second = write_zip(tmp_path / "second.zip", dict(reversed(files_below(source).items())))
    assert first == second
    assert zipfile.ZipFile(tmp_path / "first.zip").namelist() == ["a.py", "b.py"]


def test_compiled_files_and_caches_stay_out(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"")
    (tmp_path / "a.py").write_text("")
    assert list(files_below(tmp_path, "plugins/")) == ["plugins/a.py"]
