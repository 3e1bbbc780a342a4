"""A container's paths move to this machine's, and nothing of this machine moves in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from modelway_local.registry.store import UnpackedImage
from modelway_local.runtime import container as module
from modelway_local.runtime.container import Container


class Parts:
    """What a container would run, seen from outside."""

    def __init__(self, made: Container) -> None:
        self.command: list[str] = made._command
        self.environment: dict[str, str] = made._environment


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    program = tmp_path / "rootfs" / "opt" / "program"
    program.mkdir(parents=True)
    (program / "container.py").write_text("")
    return tmp_path / "rootfs"


def parts(
    rootfs: Path, arguments: tuple[str, ...] = (), environment: dict[str, str] | None = None, **config: Any
) -> Parts:
    """A container of an image with this config, its base folder beside the rootfs."""
    image = UnpackedImage(rootfs, {"config": config}, "sha256:0")
    base = rootfs.parent / "base"
    return Parts(
        Container(
            image, arguments, base_dir=base, environment=environment or {}, interpreters=rootfs.parent / "pythons"
        )
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/opt/ml", "{base}"),
        ("/opt/ml/model", "{base}/model"),
        ("/opt/mlflow", "/opt/mlflow"),
        ("/opt/program/container.py", "{rootfs}/opt/program/container.py"),
        ("/opt/program:/opt/ml/code", "{rootfs}/opt/program:{base}/code"),
        ("/not/in/the/image", "/not/in/the/image"),
        ("/", "/"),
        ("opt/program", "opt/program"),
        ("s3://bucket/opt/ml/x", "s3://bucket/opt/ml/x"),
        ("", ""),
    ],
)
def test_a_value_is_relocated(rootfs: Path, value: str, expected: str) -> None:
    expected = expected.format(base=rootfs.parent / "base", rootfs=rootfs)
    found = parts(rootfs, (value,), {"VALUE": value}, Entrypoint=["/bin/true"])
    assert (found.command[-1], found.environment["VALUE"]) == (expected, expected)


def test_python_is_a_clean_one_of_the_labelled_version(rootfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "clean_interpreter", lambda folder, minor: folder / minor / "bin" / "python")
    entrypoint = ["python", "/opt/program/container.py"]
    labelled = parts(rootfs, ("train",), Entrypoint=entrypoint, Labels={"dev.modelway.interpreter": "3.9"})
    assert labelled.command == [
        str(rootfs.parent / "pythons/3.9/bin/python"),
        str(rootfs / "opt/program/container.py"),
        "train",
    ]
    assert labelled.environment["PATH"].startswith(f"{rootfs.parent}/pythons/3.9/bin:")
    without = parts(rootfs, Entrypoint=entrypoint, Labels=None)
    assert f"/3.{sys.version_info.minor}/" in without.command[0]


def test_nothing_of_this_process_leaks_in(rootfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "PYTHONPATH", "GITLAB_TOKEN", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "leaked")
    monkeypatch.setenv("TZ", "UTC")
    found = parts(rootfs, Entrypoint=["/bin/true"]).environment
    assert "leaked" not in found.values()
    assert found["TZ"] == "UTC"
    assert found["PYTHONNOUSERSITE"] == "1"
    assert found["HOME"] == found["SAGEMAKER_BASE_DIR"] == str(rootfs.parent / "base")


def test_the_request_wins_over_the_image_but_not_over_the_base_folder(rootfs: Path) -> None:
    env = ["A=image", "B=x=y", "PATH=/evil", "SAGEMAKER_BASE_DIR=/image"]
    given = {"A": "request", "SAGEMAKER_BASE_DIR": "/request"}
    found = parts(rootfs, environment=given, Entrypoint=["/bin/true"], Env=env).environment
    assert (found["A"], found["B"]) == ("request", "x=y")
    assert "/evil" not in found["PATH"]
    assert found["SAGEMAKER_BASE_DIR"] == str(rootfs.parent / "base")


def test_the_request_may_replace_the_entrypoint(rootfs: Path) -> None:
    image = UnpackedImage(rootfs, {"config": {"Entrypoint": ["/bin/true"]}}, "sha256:0")
    made = Container(
        image, ["evaluate"], base_dir=rootfs, environment={}, interpreters=rootfs, entrypoint=["/bin/false"]
    )
    assert Parts(made).command == ["/bin/false", "evaluate"]


def test_an_image_with_nothing_to_run_cannot_start(rootfs: Path) -> None:
    image = UnpackedImage(rootfs, {}, "sha256:0")
    made = Container(image, [], base_dir=rootfs, environment={}, interpreters=rootfs)
    with pytest.raises(OSError, match="no Entrypoint"):
        made.start()


def test_stop_before_start_is_harmless(rootfs: Path) -> None:
    Container(UnpackedImage(rootfs, {}, ""), [], base_dir=rootfs, environment={}, interpreters=rootfs).stop()


def test_an_image_with_a_base_of_its_own_keeps_its_paths_and_its_python(rootfs: Path) -> None:
    (rootfs / "usr").mkdir()
    entrypoint = ["python", "/opt/program/container.py"]
    found = parts(rootfs, ("train",), {"MODE": "/opt/ml"}, Entrypoint=entrypoint, Env=["PYTHONPATH=/opt/program"])
    assert found.command == [*entrypoint, "train"]
    assert (found.environment["PYTHONPATH"], found.environment["MODE"]) == ("/opt/program", "/opt/ml")
    assert "SAGEMAKER_BASE_DIR" not in found.environment
