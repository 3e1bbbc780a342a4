"""docs/reference/terraform.md says what the variables say."""

from __future__ import annotations

from pathlib import Path

from ci.terraform.reference import DOCUMENT, blocks, render


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text() == render(), "run: python -m ci.terraform.reference"


def test_a_block_is_read_with_its_lists_and_without_its_validation(tmp_path: Path) -> None:
    file = tmp_path / "variables.tf"
    file.write_text(
        'variable "kinds" {\n  description = "Kinds, \\"quoted\\"."\n  type = object({\n    a = string\n  })\n'
        '  default = {\n    a = "x"\n  }\n\n  validation {\n    condition = true\n    error_message = "no"\n  }\n}\n'
    )
    (block,) = blocks(file, "variable")
    assert block.description == 'Kinds, "quoted".'
    assert (block.type, block.default) == ("object({\n    a = string\n  })", '{\n    a = "x"\n  }')
