"""What an engine is given: an archive of the registry's blobs, and a command that shows no value."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from modelway_local.registry.store import UnpackedImage
from modelway_local.runtime import engine

from modelway.errors import UserError


def test_the_archive_holds_config_and_layers_in_order(tmp_path: Path) -> None:
    layers = [tmp_path / name for name in ("zebra", "ape")]
    for layer in layers:
        layer.write_bytes(layer.name.encode())
    stream = io.BytesIO()
    engine.write_archive(stream, {"os": "linux"}, layers, "modelway-local:1")
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        found = {member.name: archive.extractfile(member) for member in archive}
        read = {name: file.read() for name, file in found.items() if file}
    (manifest,) = json.loads(read["manifest.json"])
    assert manifest["RepoTags"] == ["modelway-local:1"]
    assert [read[name] for name in manifest["Layers"]] == [b"zebra", b"ape"]
    assert json.loads(read[manifest["Config"]]) == {"os": "linux"}


def test_values_are_in_the_environment_and_not_in_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ours")
    image = UnpackedImage(tmp_path, {}, "sha256:0", engine_tag="modelway-local:1")
    base_dir = tmp_path / "work" / "training-job" / "a"
    command, environment = engine.run_command(
        image, "n", base_dir, "10001:10001", {"TOKEN": "s3cret", "PATH": "/image/bin"}, ["python3", "x.py"]
    )
    assert "s3cret" not in " ".join(command)
    assert environment["TOKEN"] == "s3cret"
    assert "--env=PATH=/image/bin" in command, "the docker command needs its own PATH"
    assert f"{engine.HOME_LABEL}={tmp_path}" in command
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert command[-2:] == ["modelway-local:1", "x.py"]


def test_without_docker_the_fix_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no docker on the PATH") as refused:
        engine.require()
    assert "--runtime process" in str(refused.value)
