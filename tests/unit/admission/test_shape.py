from __future__ import annotations

from typing import Any

import pytest

from modelway.admission.shape import parse_json, shape_difference

EXAMPLE = {"predictions": [{"label": "a", "p": 0.5}], "ok": True}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"predictions": [{"label": "b", "p": 1}], "ok": False}, ""),
        ({"predictions": [{"label": "b", "p": 1}]}, "response has no 'ok'"),
        ({**EXAMPLE, "more": 1}, "response has 'more'"),
        ({**EXAMPLE, "predictions": []}, "response.predictions has 0 items where the example has 1"),
        ({**EXAMPLE, "predictions": [{"label": 3, "p": 1}]}, "response.predictions[0].label is a number where"),
        ({**EXAMPLE, "predictions": [{"label": "b", "p": None}]}, "response.predictions[0].p is null"),
        ({**EXAMPLE, "ok": 1}, "response.ok is a number where the example has true or false"),
        ([], "response is a list where the example has an object"),
    ],
)
def test_the_first_difference_is_named(answer: Any, words: str) -> None:
    difference = shape_difference(EXAMPLE, answer)
    assert difference.startswith(words)
    assert bool(difference) is bool(words)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "{"])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not JSON|Expecting"):
        parse_json(text)
