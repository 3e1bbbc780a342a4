from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from modelway.contracts.schema import generated, main, model_yaml_schema

REPO = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", generated())
def test_the_generated_reference_is_current(name: str) -> None:
    path = REPO / "docs" / "reference" / name
    assert path.read_text(encoding="utf-8") == generated()[name], "run: python -m modelway.contracts.schema"


def test_the_schema_accepts_the_example_and_refuses_an_unknown_key() -> None:
    document = yaml.safe_load((REPO / "examples" / "breast-cancer" / "model.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(document, model_yaml_schema())
    with pytest.raises(jsonschema.ValidationError, match="wibble"):
        jsonschema.validate({**document, "wibble": 1}, model_yaml_schema())


def test_check_tells_a_stale_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    (tmp_path / "model-yaml.md").write_text("old")
    assert main([str(tmp_path), "--check"]) == 1
    assert "model-yaml.md is not current" in capsys.readouterr().err
