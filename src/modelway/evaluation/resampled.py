"""The known metrics on many resamples at once: arrays of shape (resamples, n), one value per resample.

scikit-learn scores one sample at a time, which is too slow for thousands; a test holds both to the same values.
A resample on which a metric does not exist (AUC with one class) gives NaN, never a number in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    # truth, predicted, P(positive) or None (AUC: or its place among all), each (resamples, n); the result (resamples,)
    Resampled = Callable[[Values, Values, Any], Values]


def resampled_metric(metric: str) -> Resampled:
    """The function for `metric`. Raises KeyError for one that the platform does not know."""
    return _METRICS[metric]


def _ratio(over: Values, under: Values, otherwise: float) -> Values:
    import numpy as np

    result: Values = np.divide(over, under, out=np.full(over.shape, otherwise), where=under > 0)
    return result


def _only_where(exists: NDArray[np.bool_], values: Values) -> Values:
    import numpy as np

    result: Values = np.where(exists, values, np.nan)
    return result


def _accuracy(truth: Values, predicted: Values, _: Values | None) -> Values:
    result: Values = (truth == predicted).mean(axis=-1)
    return result


def _counts(truth: Values, predicted: Values) -> tuple[Values, Values, Values]:
    """True positives, predicted positives and positives, each (resamples,)."""
    is_truth, is_predicted = truth == 1.0, predicted == 1.0
    hits = (is_truth & is_predicted).sum(axis=-1).astype(float)
    return hits, is_predicted.sum(axis=-1).astype(float), is_truth.sum(axis=-1).astype(float)


def _precision(truth: Values, predicted: Values, _: Values | None) -> Values:
    import numpy as np

    hits, guesses, support = _counts(truth, predicted)
    return _only_where(support > 0, _ratio(hits, guesses, np.nan))


def _recall(truth: Values, predicted: Values, _: Values | None) -> Values:
    import numpy as np

    hits, _guesses, support = _counts(truth, predicted)
    return _ratio(hits, support, np.nan)


def _f1(truth: Values, predicted: Values, _: Values | None) -> Values:
    import numpy as np

    hits, guesses, support = _counts(truth, predicted)
    return _only_where(support > 0, _ratio(2 * hits, guesses + support, np.nan))


def _roc_auc(truth: Values, _: Values, positive: Values | None) -> Values:
    """The share of pairs in which the positive row has the higher score (Mann-Whitney), ties at half.

    Integers as `positive` are taken as places in the order of scores: counting them is quicker than sorting each row.
    """
    import numpy as np

    if positive is None:
        raise ValueError("needs P(positive)")
    places: NDArray[Any] = positive
    if not np.issubdtype(positive.dtype, np.integer):
        places = np.unique(positive, return_inverse=True)[1].reshape(positive.shape)
    resamples, width = len(places), int(places.max()) + 1
    flat = (places + np.arange(resamples)[:, None] * width).ravel()
    every, positives = (
        np.bincount(flat, weights=weights, minlength=resamples * width).reshape(resamples, width)
        for weights in (None, (truth == 1.0).ravel().astype(float))
    )
    negatives = every - positives
    wins = (positives * (negatives.cumsum(axis=-1) - negatives / 2)).sum(axis=-1)
    return _ratio(wins, positives.sum(axis=-1) * negatives.sum(axis=-1), np.nan)


def _log_loss(truth: Values, _: Values, positive: Values | None) -> Values:
    import numpy as np

    if positive is None:
        raise ValueError("needs P(positive)")
    tiny = np.finfo(np.float64).eps
    of_truth = np.clip(np.where(truth == 1.0, positive, 1.0 - positive), tiny, 1.0)
    result: Values = -np.log(of_truth).mean(axis=-1)
    return result


def _by_class(truth: Values, predicted: Values) -> tuple[Values, Values, Values]:
    """Hits, predictions and rows of every class, each (resamples, classes): one pass, however many classes."""
    import numpy as np

    resamples = len(truth)
    classes = int(max(truth.max(), predicted.max())) + 1
    offset = np.arange(resamples)[:, None] * classes
    of_truth, of_predicted = truth.astype(np.int64) + offset, predicted.astype(np.int64) + offset

    def counted(places: NDArray[np.int64]) -> Values:
        return np.bincount(places.ravel(), minlength=resamples * classes).reshape(resamples, classes).astype(float)

    return counted(of_truth[truth == predicted]), counted(of_predicted), counted(of_truth)


def _balanced_accuracy(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, _guesses, support = _by_class(truth, predicted)
    present = (support > 0).sum(axis=-1)
    return _only_where(present > 1, _ratio(hits, support, 0.0).sum(axis=-1) / present)


def _f1_macro(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, guesses, support = _by_class(truth, predicted)
    present = (guesses + support > 0).sum(axis=-1)
    mean = _ratio(2 * hits, guesses + support, 0.0).sum(axis=-1) / present
    return _only_where((support > 0).sum(axis=-1) > 1, mean)


def _f1_weighted(truth: Values, predicted: Values, _: Values | None) -> Values:
    hits, guesses, support = _by_class(truth, predicted)
    result: Values = (_ratio(2 * hits, guesses + support, 0.0) * support).sum(axis=-1) / truth.shape[-1]
    return result


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
    constant = (truth == truth[:, :1]).all(axis=-1)
    return _only_where(~constant, 1.0 - _ratio(residual, total, np.nan))


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
