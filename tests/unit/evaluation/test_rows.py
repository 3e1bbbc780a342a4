"""Which class is the positive one: said by the container or by model.yaml, never by the alphabet."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.contracts import ContainerEvaluation, ModelSpec
from modelway.errors import UserError
from modelway.evaluation.rows import read_rows
from tests.unit.evaluation.specs import spec_of


def spec(positive: int | str | None = None) -> ModelSpec:
    plain = spec_of("binary_classification", {"recall": {}})
    evaluation = plain.evaluation.model_copy(update={"positive_class": positive})
    return plain.model_copy(update={"evaluation": evaluation})


def evaluation(*labels: Any, classes: tuple[Any, ...] = ()) -> ContainerEvaluation:
    return ContainerEvaluation(labels=list(labels), predictions=list(labels), classes=list(classes))


@pytest.mark.parametrize(
    ("declared", "scored", "classes"),
    [
        (None, evaluation("bad", "good", classes=("good", "bad")), ("good", "bad")),
        ("bad", evaluation("bad", "good", classes=("good", "bad")), ("good", "bad")),
        ("bad", evaluation("bad", "good"), ("good", "bad")),
        ("good", evaluation("bad", "good"), ("bad", "good")),
        ("bad", evaluation("bad", "bad"), ("not bad", "bad")),
        ("bad", evaluation("good", "good"), ("good", "bad")),
        (2, evaluation(1, 2), (1, 2)),
        (1, evaluation(1, 2), (2, 1)),
        (None, evaluation(0, 1), (0, 1)),
        (None, evaluation(0, 0), (0, 1)),
        (None, evaluation(-1, 1), (-1, 1)),
    ],
)
def test_the_positive_class_is_the_one_that_is_named(
    declared: int | str | None, scored: ContainerEvaluation, classes: tuple[Any, ...]
) -> None:
    rows = read_rows(spec(declared), scored, "candidate")
    assert rows.classes == classes
    assert [rows.classes[int(place)] for place in rows.truth] == scored.labels


@pytest.mark.parametrize(
    ("declared", "scored", "words"),
    [
        (None, evaluation("bad", "good"), "nobody says which"),
        (None, evaluation(1, 2), "nobody says which"),
        (None, evaluation("bad", "bad"), "nobody says which"),
        (
            "good",
            evaluation("bad", "good", classes=("good", "bad")),
            "evaluation.positive_class in model.yaml is 'good'",
        ),
        ("fine", evaluation("bad", "good"), "the rows hold"),
        (None, evaluation(0, 1, classes=(1,)), "needs two classes"),
        ("a", evaluation("a", "b", "c"), "needs two classes"),
    ],
)
def test_what_nobody_says_is_asked(declared: str | None, scored: ContainerEvaluation, words: str) -> None:
    with pytest.raises(UserError, match=words) as error:
        read_rows(spec(declared), scored, "candidate")
    assert "recall of the candidate" in error.value.message
    assert error.value.fix
