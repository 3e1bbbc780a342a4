"""The scored holdout as arrays: checked once, then every metric may trust it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.contracts import ContainerEvaluation, ModelSpec, ProblemType
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


def read_rows(spec: ModelSpec, evaluation: ContainerEvaluation, subject: str) -> Rows:
    """The arrays behind `evaluation`. `subject` and the primary metric are named in the UserError that is raised
    when rows are missing, of unequal length, of an unknown class or not numbers, and when nobody says which of two
    classes is the positive one.
    """
    metric = spec.primary_metric
    _check_lengths(evaluation, subject, metric)
    if spec.problem_type is ProblemType.REGRESSION:
        return _regression(evaluation, subject, metric)
    return _classification(spec, evaluation, subject, metric)


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


def _classification(spec: ModelSpec, evaluation: ContainerEvaluation, subject: str, metric: str) -> Rows:
    import numpy as np

    if len(set(evaluation.classes)) != len(evaluation.classes):
        raise _wrong(subject, metric, f"classes names a class twice: {list(evaluation.classes)}")
    binary = spec.problem_type is ProblemType.BINARY_CLASSIFICATION
    classes = _two_classes(spec, evaluation, subject, metric) if binary else _classes(evaluation)
    index: dict[Hashable, int] = {value: position for position, value in enumerate(classes)}
    truth = _encoded(evaluation.labels, index, "labels", subject, metric)
    predicted = _encoded(evaluation.predictions, index, "predictions", subject, metric)
    positive = None
    if binary and evaluation.scores:
        positive = np.asarray([_probability(score, subject, metric) for score in evaluation.scores])
    return Rows(truth, predicted, positive, classes)


def _classes(evaluation: ContainerEvaluation) -> tuple[Label, ...]:
    """Those that the container names, else those that occur, in a stable order without a meaning."""
    values = {*evaluation.labels, *evaluation.predictions}
    return tuple(evaluation.classes) or tuple(sorted(values, key=lambda value: (isinstance(value, str), value)))


def _two_classes(spec: ModelSpec, evaluation: ContainerEvaluation, subject: str, metric: str) -> tuple[Label, Label]:
    """(negative, positive): as the container names them, as model.yaml does, or 0 and 1; never by the alphabet."""
    declared, occur = spec.evaluation.positive_class, _classes(evaluation)
    if len(evaluation.classes or occur) > 2 or len(evaluation.classes) == 1:
        raise _wrong(
            subject, metric, f"a binary classification needs two classes [negative, positive], got {list(occur)[:5]}"
        )
    if evaluation.classes:
        negative, positive = evaluation.classes
        if declared not in (None, positive):
            said = f"evaluation.json has classes {list(evaluation.classes)}, whose last is the positive one"
            raise _wrong(subject, metric, f"{said}, but evaluation.positive_class in model.yaml is {declared!r}")
        return negative, positive
    if declared is not None:
        others = [label for label in occur if label != declared]
        if len(others) > 1:
            raise _wrong(subject, metric, f"evaluation.positive_class is {declared!r}, but the rows hold {list(occur)}")
        return (others[0] if others else f"not {declared}"), declared
    for pair in ((0, 1), (-1, 1)):
        if set(occur) <= set(pair):
            return pair
    raise UserError(
        f"{metric} of the {subject} cannot be computed: nobody says which of {list(occur)} is the positive class",
        fix="name it in model.yaml (evaluation.positive_class), or return classes=[negative, positive] from evaluate()",
    )


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
