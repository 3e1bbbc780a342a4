"""What is asked of buildah, and what of its config is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelway.contracts.reading import read_model_spec
from modelway.errors import PlatformError, UserError
from modelway.packaging.buildah import Build, build, build_command, labelled
from modelway.packaging.image import Origin

EXAMPLE = Path(__file__).parents[3] / "examples" / "breast-cancer"
DOCKERFILE = Path("repo/Dockerfile")


def wanted(**fields: str) -> Build:
    spec = read_model_spec(EXAMPLE / "model.yaml")
    return Build(EXAMPLE, spec, Origin("a" * 40), "3.11", **fields)


def config(**fields: object) -> bytes:
    container = {"User": "10001", "Entrypoint": ["python"], "Hostname": "8cc39346e255", **fields}
    steps = [{"created": "2026-01-01", "created_by": "COPY", "comment": "FROM 8cc3"}]
    rootfs = {"type": "layers", "diff_ids": ["sha256:1"]}
    document = {"architecture": "arm64", "os": "linux", "config": container, "rootfs": rootfs, "history": steps}
    return json.dumps({**document, "created": "2026-01-01", "parent": "sha256:9"}).encode()


def test_the_build_needs_no_daemon_and_no_privilege_and_knows_no_date() -> None:
    command = build_command(wanted(base_image="base@sha256:1", storage_driver="overlay"), Path("id"))
    assert command[:4] == ["buildah", "--storage-driver", "overlay", "build"]
    assert command[-1] == str(EXAMPLE)
    for flag, value in (("--isolation", "chroot"), ("--format", "docker"), ("--timestamp", "0"), ("--iidfile", "id")):
        assert command[command.index(flag) + 1] == value
    assert {"--layers", "--build-arg=BASE_IMAGE=base@sha256:1", "--build-arg=PYTHON_VERSION=3.11"} <= set(command)


def test_without_a_base_the_dockerfiles_own_is_taken() -> None:
    assert not any("BASE_IMAGE" in part or "--volume" in part for part in build_command(wanted(), Path("id")))


def test_certificates_are_mounted_for_reading() -> None:
    command = build_command(wanted(ca_bundle="/etc/proxy.pem"), Path("id"))
    assert "--volume=/etc/proxy.pem:/etc/ssl/certs/ca-certificates.crt:ro" in command


def test_the_config_keeps_what_runs_it_and_the_platforms_labels_win() -> None:
    made = json.loads(labelled(config(Labels={"a": "theirs", "b": "theirs"}), {"a": "ours"}, DOCKERFILE))
    assert made == {
        "architecture": "arm64",
        "os": "linux",
        "config": {"User": "10001", "Entrypoint": ["python"], "Labels": {"a": "ours", "b": "theirs"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]},
        "history": [{"created_by": "COPY"}],
    }


@pytest.mark.parametrize("user", ["", "0", "root", "10001:10001", None])
def test_an_image_may_run_as_root_which_sagemaker_expects(user: str | None) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html"""
    assert json.loads(labelled(config(User=user), {}, DOCKERFILE))["config"].get("User") == (user or None)


def test_an_image_with_nothing_to_run_is_refused() -> None:
    with pytest.raises(UserError, match="no ENTRYPOINT"):
        labelled(config(Entrypoint=None), {}, DOCKERFILE)


def test_a_machine_without_buildah_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match=r"buildah is not installed[\s\S]*MODELWAY_BUILDER=layers"):
        build(wanted(), lambda _: None)
