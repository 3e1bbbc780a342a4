"""The gateway refuses what AWS would refuse."""

from __future__ import annotations

from typing import Any

import pytest
from modelway_local.gateway.errors import UnknownOperationError, ValidationError
from modelway_local.gateway.validation import validate_input

MODEL = {"ModelName": "fraud", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/modelway-local-sagemaker"}


def test_a_right_input_passes() -> None:
    validate_input("sagemaker", "CreateModel", MODEL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ModelName": None}, "Value null at 'modelName' failed to satisfy constraint: Member must not be null"),
        ({"ModelName": "a_b"}, "regular expression pattern"),
        ({"ModelName": "a" * 64}, "'modelName' failed to satisfy constraint"),
        ({"ModelName": 3}, "of type string"),
        (
            {"PrimaryContainer": {"Mode": "Both"}},
            "'primaryContainer.mode' failed to satisfy constraint: Member must satisfy enum",
        ),
    ],
    ids=["required", "pattern", "too-long", "type", "enum"],
)
def test_a_wrong_input_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace(".", r"\.")):
        validate_input("sagemaker", "CreateModel", {**MODEL, **change})


def test_a_maximum_is_checked() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 100"):
        validate_input("sagemaker", "ListModels", {"MaxResults": 101})


def test_an_operation_that_aws_lacks_is_a_501_that_names_it() -> None:
    with pytest.raises(UnknownOperationError, match="MakeTea") as raised:
        validate_input("sagemaker", "MakeTea", {})
    assert raised.value.status == 501
