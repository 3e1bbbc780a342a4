"""What another job left is read as data: bounded, a file, and a document of its contract."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelway.contracts import Admission
from modelway.errors import UserError
from modelway.pipeline.work import MAXIMUM_BYTES, WorkFolder

ADMISSION = Admission(
    model_name="fraud", content="sha256:" + "a" * 64, request_example="{}", response_example="[]", dependencies={}
)


def test_a_document_comes_back(tmp_path: Path) -> None:
    room = WorkFolder(tmp_path).room("admission")
    room.write("admission", ADMISSION)
    assert room.document("admission", Admission, "admit") == ADMISSION


def test_a_step_that_did_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is missing[\s\S]*modelway ci admit"):
        WorkFolder(tmp_path).read("admission", "admit")


@pytest.mark.attack(
    attacker="code of a model",
    tries="leave a link, a pipe, gigabytes, deep brackets or another document where an identity's job reads JSON",
    stopped_by="the file is opened without following links, its size bounded, its contract checked",
)
@pytest.mark.parametrize(
    "content",
    [b"x" * (MAXIMUM_BYTES + 1), b"[" * 200_000, b"[]", b"{", b'{"model_name": "fraud"}', b"\xff", None, 0],
    ids=["large", "deep", "list", "broken", "other document", "not text", "link", "pipe"],
)
def test_what_is_no_such_document_is_refused(tmp_path: Path, content: bytes | int | None) -> None:
    path = tmp_path / "admission.json"
    if content is None:
        (tmp_path / "secret").write_text(ADMISSION.model_dump_json())
        path.symlink_to(tmp_path / "secret")
    elif content == 0:
        os.mkfifo(path)
    else:
        assert isinstance(content, bytes)
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"admission\.json"):
        WorkFolder(tmp_path).document("admission", Admission, "admit")
