"""The known metrics on many resamples at once: arrays of shape (resamples, n), one value a resample.

scikit-learn scores one sample at a time, which is too slow for thousands; a test holds both to the same values.
A resample on which a metric does not exist (AUC with one class) gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    # truth, predicted, P(positive) or None; each (resamples, n), except that the result is (resamples,)
    Resampled = Callable[[Values, Values, Values | None], Values]


def resampled_metric(metric: str) -> Resampled:
    """The function for `metric`. Raises KeyError for one that the platform does not know."""
    return _METRICS[metric]


def _ratio(over: Values, under: Values) -> Values:
    import numpy as np

    return np.divide(over, under, out=np.zeros(over.shape), where=under > 0)


def _accuracy(truth: Values, predicted: Values, _: Values | None) -> Values:
    result: Values = (truth == predicted).mean(axis=-1)
    return result


def _counts(truth: Values, predicted: Values, of: float) -> tuple[Values, Values, Values]:
    """True positives, predicted positives and positives of class `of`, each (resamples,)."""
    is_truth, is_predicted = truth == of, predicted == of
    hits = (is_truth & is_predicted).sum(axis=-1).astype(float)
    return hits, is_predicted.sum(axis=-1).astype(float), is_truth.sum(axis=-1).astype(float)


def _precision(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, guesses, _support = _counts(truth, predicted, 1.0)
    return _ratio(hits, guesses)


def _recall(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, _guesses, support = _counts(truth, predicted, 1.0)
    return _ratio(hits, support)


def _f1(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, guesses, support = _counts(truth, predicted, 1.0)
    return _ratio(2 * hits, guesses + support)


def _roc_auc(truth: Values, _: Values, positive: Values | None) -> Values:
    """By ranks (Mann-Whitney), ties at half."""
    import numpy as np
    from scipy.stats import rankdata

    if positive is None:
        raise ValueError("needs P(positive)")
    is_truth = truth == 1.0
    positives = is_truth.sum(axis=-1).astype(float)
    pairs = positives * (truth.shape[-1] - positives)
    rank_sum = (rankdata(positive, axis=-1) * is_truth).sum(axis=-1)
    wins = rank_sum - positives * (positives + 1) / 2
    area: Values = np.divide(wins, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
    return area


def _log_loss(truth: Values, _: Values, positive: Values | None) -> Values:
    import numpy as np

    if positive is None:
        raise ValueError("needs P(positive)")
    tiny = np.finfo(np.float64).eps
    of_truth = np.clip(np.where(truth == 1.0, positive, 1.0 - positive), tiny, 1.0)
    result: Values = -np.log(of_truth).mean(axis=-1)
    return result


def _by_class(truth: Values, predicted: Values) -> tuple[Values, Values, Values]:
    """As `_counts`, for every class: each (classes, resamples)."""
    import numpy as np

    classes = np.unique(np.concatenate([truth.ravel(), predicted.ravel()]))
    hits, guesses, supports = zip(*(_counts(truth, predicted, of) for of in classes), strict=True)
    return np.stack(hits), np.stack(guesses), np.stack(supports)


def _balanced_accuracy(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, _guesses, support = _by_class(truth, predicted)
    return _ratio(_ratio(hits, support).sum(axis=0), (support > 0).sum(axis=0).astype(float))


def _f1_macro(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, guesses, support = _by_class(truth, predicted)
    present = (guesses + support > 0).sum(axis=0).astype(float)
    return _ratio(_ratio(2 * hits, guesses + support).sum(axis=0), present)


def _f1_weighted(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, guesses, support = _by_class(truth, predicted)
    return _ratio((_ratio(2 * hits, guesses + support) * support).sum(axis=0), support.sum(axis=0))


def _rmse(truth: Values, predicted: Values, _: Values | None) -> Values:
    result: Values = ((truth - predicted) ** 2).mean(axis=-1) ** 0.5
    return result


def _mae(truth: Values, predicted: Values, _: Values | None) -> Values:
    result: Values = abs(truth - predicted).mean(axis=-1)
    return result


def _r2(truth: Values, predicted: Values, _: Values | None) -> Values:
    import numpy as np

    residual = ((truth - predicted) ** 2).sum(axis=-1)
    total = ((truth - truth.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    explained: Values = 1.0 - np.divide(residual, total, out=np.full(total.shape, np.nan), where=total > 0)
    return explained


_METRICS: dict[str, Resampled] = {
    "accuracy": _accuracy,
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "roc_auc": _roc_auc,
    "log_loss": _log_loss,
    "balanced_accuracy": _balanced_accuracy,
    "f1_macro": _f1_macro,
    "f1_weighted": _f1_weighted,
    "rmse": _rmse,
    "mae": _mae,
    "r2": _r2,
}
