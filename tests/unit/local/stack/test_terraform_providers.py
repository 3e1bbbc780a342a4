"""Where a provider is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from modelway_local.stack import terraform_providers


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(terraform_providers, "PLACES", (str(tmp_path / "place"),))
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    (tmp_path / "scratch").mkdir()
    return tmp_path / "place"


def test_a_mirror_is_named_in_a_configuration(place: Path, tmp_path: Path) -> None:
    (place / "plugins" / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    found = terraform_providers.environment(tmp_path / "scratch")
    assert f'path = "{place / "plugins"}"' in Path(found["TF_CLI_CONFIG_FILE"]).read_text()


def test_a_mirror_of_other_providers_is_none(place: Path, tmp_path: Path) -> None:
    (place / "registry.terraform.io" / "hashicorp" / "random").mkdir(parents=True)
    assert terraform_providers.environment(tmp_path / "scratch") == {}


def test_a_persons_own_configuration_stays(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    mine = tmp_path / "mine.tfrc"
    mine.touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(mine))
    assert terraform_providers.environment(tmp_path / "scratch") == {}
