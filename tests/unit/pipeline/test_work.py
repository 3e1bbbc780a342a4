"""What a step leaves is what the next one reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.contracts import Image
from modelway.errors import UserError
from modelway.pipeline.work import WorkFolder

IMAGE = Image(repository_uri="127.0.0.1:4566/modelway/fraud", version="1.0.0", digest="sha256:" + "a" * 64)


def test_a_document_comes_back_equal(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "new" / "out")
    assert not work.has("image")
    work.write("image", IMAGE)
    assert work.has("image")
    assert work.document("image", Image, "publish") == IMAGE
    assert work.read("image", "publish")["version"] == "1.0.0"


def test_a_step_that_did_not_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="earlier step did not run") as caught:
        WorkFolder(tmp_path).read("image", "publish")
    assert caught.value.fix == "modelway ci publish"


def test_values_are_passed_on_as_dotenv(tmp_path: Path) -> None:
    WorkFolder(tmp_path).dotenv("image", MODEL_VERSION="1.0.0+r0", MODEL="fraud")
    assert (tmp_path / "image.env").read_text() == "MODEL_VERSION=1.0.0+r0\nMODEL=fraud\n"


def test_the_folder_is_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWAY_OUT", str(tmp_path))
    assert WorkFolder().path == tmp_path
    monkeypatch.setenv("MODELWAY_OUT", "")
    assert WorkFolder().path == Path("out")
