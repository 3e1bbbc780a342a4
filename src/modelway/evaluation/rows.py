"""The scored holdout as arrays: checked once, then every metric may trust it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.contracts import ContainerEvaluation, ProblemType
from modelway.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Label = float | int | str


@dataclass(frozen=True)
class Rows:
    """One subject's rows. `n` rows and, for classification, `k` classes.

    `truth` and `predicted`: shape (n,), class indices (classification) or the target's own unit (regression).
    `positive`: shape (n,), P(class 1), binary only and only if scores were given.
    """

    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]
    positive: NDArray[np.float64] | None
    classes: tuple[Label, ...]

    @property
    def count(self) -> int:
        """n."""
        return len(self.truth)


def read_rows(problem: ProblemType, evaluation: ContainerEvaluation, subject: str, metric: str) -> Rows:
    """The arrays behind `evaluation`. `subject` and `metric` (the primary one) are named in the UserError
    that is raised when rows are missing, of unequal length, of an unknown class or not numbers.
    """
    _check_lengths(evaluation, subject, metric)
    if problem is ProblemType.REGRESSION:
        return _regression(evaluation, subject, metric)
    return _classification(problem, evaluation, subject, metric)


def _wrong(subject: str, metric: str, what: str) -> UserError:
    return UserError(
        f"{metric} of the {subject} cannot be computed: {what}", fix="change what evaluate() in model.py returns"
    )


def _check_lengths(evaluation: ContainerEvaluation, subject: str, metric: str) -> None:
    labels, predictions, scores = len(evaluation.labels), len(evaluation.predictions), len(evaluation.scores)
    if labels == 0:
        raise _wrong(subject, metric, "evaluation.json has no labels; the holdout is empty or was not read")
    if predictions != labels:
        raise _wrong(subject, metric, f"{labels} labels but {predictions} predictions")
    if scores not in (0, labels):
        raise _wrong(subject, metric, f"{labels} labels but {scores} scores")


def _regression(evaluation: ContainerEvaluation, subject: str, metric: str) -> Rows:
    import numpy as np

    arrays = []
    for name, values in (("labels", evaluation.labels), ("predictions", evaluation.predictions)):
        if any(isinstance(value, str) for value in values):
            raise _wrong(subject, metric, f"{name} holds text where a regression needs numbers")
        arrays.append(np.asarray(values, dtype=np.float64))
    return Rows(arrays[0], arrays[1], None, ())


def _classification(problem: ProblemType, evaluation: ContainerEvaluation, subject: str, metric: str) -> Rows:
    import numpy as np

    classes = tuple(evaluation.classes) or _inferred(evaluation)
    if len(set(classes)) != len(classes):
        raise _wrong(subject, metric, f"classes names a class twice: {list(classes)}")
    if problem is ProblemType.BINARY_CLASSIFICATION and len(classes) != 2:
        raise _wrong(
            subject, metric, f"a binary classification needs two classes [negative, positive], got {list(classes)[:5]}"
        )
    index: dict[Hashable, int] = {value: position for position, value in enumerate(classes)}
    truth = _encoded(evaluation.labels, index, "labels", subject, metric)
    predicted = _encoded(evaluation.predictions, index, "predictions", subject, metric)
    positive = None
    if problem is ProblemType.BINARY_CLASSIFICATION and evaluation.scores:
        positive = np.asarray([_probability(score, subject, metric) for score in evaluation.scores])
    return Rows(truth, predicted, positive, classes)


def _inferred(evaluation: ContainerEvaluation) -> tuple[Label, ...]:
    values = {*evaluation.labels, *evaluation.predictions}
    return tuple(sorted(values, key=lambda value: (isinstance(value, str), value)))


def _encoded(
    values: Sequence[Label], index: dict[Hashable, int], name: str, subject: str, metric: str
) -> NDArray[np.float64]:
    import numpy as np

    try:
        return np.asarray([index[value] for value in values], dtype=np.float64)
    except KeyError as error:
        raise _wrong(
            subject, metric, f"{name} holds {error.args[0]!r}, which is not one of classes {list(index)[:10]}"
        ) from error


def _probability(score: float | list[float], subject: str, metric: str) -> float:
    """P(positive) of one row; [P(negative), P(positive)] is taken too."""
    value = score[-1] if isinstance(score, list) and len(score) == 2 else score
    if isinstance(value, list) or not (math.isfinite(value) and 0.0 <= value <= 1.0):
        raise _wrong(subject, metric, f"scores holds {value!r}; a score is P(positive), from 0 to 1")
    return value


def same_truth(candidate: Rows, champion: Rows) -> bool:
    """Whether both were scored on the same rows in the same order; binary: with the same positive class too."""
    if candidate.count != champion.count:
        return False
    if len(candidate.classes) == 2 and candidate.classes != champion.classes:
        return False
    if not candidate.classes:
        return bool((candidate.truth == champion.truth).all())
    return all(
        candidate.classes[int(mine)] == champion.classes[int(theirs)]
        for mine, theirs in zip(candidate.truth, champion.truth, strict=True)
    )
