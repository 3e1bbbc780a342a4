"""The kind of failure decides the exit code; the fix is printed under the message."""

from __future__ import annotations

import pytest

from modelway.errors import ModelwayError, PlatformError, UserError


@pytest.mark.parametrize(("kind", "code"), [(ModelwayError, 1), (UserError, 2), (PlatformError, 3)])
def test_exit_codes_tell_who_must_act(kind: type[ModelwayError], code: int) -> None:
    assert kind("wrong").exit_code == code
    assert isinstance(kind("wrong"), ModelwayError)


def test_the_fix_is_under_the_message() -> None:
    error = UserError("model.yaml has no name", fix="add a name")
    assert str(error) == "model.yaml has no name\n  fix: add a name"
    assert error.message == "model.yaml has no name"
    assert str(UserError("wrong")) == "wrong"
