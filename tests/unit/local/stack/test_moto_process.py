"""moto's socket lies where its owner alone may go."""

from __future__ import annotations

from pathlib import Path

import pytest
from modelway_local.stack.moto_process import LONGEST_PATH, serve, socket_path


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_the_socket_is_in_the_state_folder(tmp_path: Path) -> None:
    (tmp_path / "moto").mkdir(mode=0o755)

    path = socket_path(tmp_path)

    assert path == tmp_path / "moto" / "socket"
    assert mode(path.parent) == 0o700


def test_a_path_too_long_for_a_socket_becomes_a_short_one(tmp_path: Path) -> None:
    path = socket_path(tmp_path / ("é" * 60))
    try:
        assert len(bytes(path)) <= LONGEST_PATH
        assert mode(path.parent) == 0o700
    finally:
        path.parent.rmdir()


def test_moto_does_not_start_where_others_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(PermissionError, match="others may enter"):
        serve(tmp_path / "socket")
