"""What the page on the local AWS says of SageMaker is what the gateway answers."""

from __future__ import annotations

import re
from pathlib import Path

from modelway_local.gateway.errors import UnknownOperationError
from modelway_local.sagemaker.api import SageMaker

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "local-aws.md"


def test_the_table_lists_every_operation_and_no_other(tmp_path: Path) -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([A-Z][a-z]+(?:, [A-Z][a-z]+)*) \|$", PAGE.read_text(), re.MULTILINE)
    told = {
        f"{verb}{noun}{'s' if verb == 'List' and not noun.endswith('s') else ''}"
        for nouns, verbs in rows
        for noun in re.findall(r"\w+", nouns)
        for verb in verbs.split(", ")
    }
    assert told == set(_service(tmp_path).operations())


def test_the_example_of_a_501_is_one(tmp_path: Path) -> None:
    found = re.search(r"^NotImplemented: (.+ sagemaker (\w+))$", PAGE.read_text(), re.MULTILINE)
    assert found
    said, operation = found.groups()
    assert operation not in _service(tmp_path).operations()
    assert str(UnknownOperationError("sagemaker", operation)).endswith(said)


def _service(home: Path) -> SageMaker:
    def no_image(uri: str) -> None:
        raise AssertionError(uri)

    return SageMaker(home, "http://127.0.0.1:1", no_image)  # type: ignore[arg-type]
