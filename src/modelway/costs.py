"""What a training and an endpoint are likely to cost: an estimate from a small dated table."""

from __future__ import annotations

from datetime import date

from modelway.contracts import Document, ModelSpec

# On-demand USD of an instance hour, us-east-1, entered by hand and not checked against AWS's price API: right in
# size, not to the cent; other regions differ. A type that is not in the table gets no estimate, never a guess.
PRICES_AS_OF = date(2025, 6, 1)
USD_AN_HOUR: dict[str, float] = {
    "ml.t2.medium": 0.0464,
    "ml.t3.medium": 0.05,
    "ml.m5.large": 0.115,
    "ml.m5.xlarge": 0.23,
    "ml.m5.2xlarge": 0.461,
    "ml.m5.4xlarge": 0.922,
    "ml.c5.large": 0.102,
    "ml.c5.xlarge": 0.204,
    "ml.c5.2xlarge": 0.408,
    "ml.g4dn.xlarge": 0.736,
    "ml.g5.xlarge": 1.408,
    "ml.p3.2xlarge": 3.825,
}
HOURS_A_MONTH = 730.0


class CostEstimate(Document):
    """US dollars; None where an instance type has no price in the table."""

    training_at_most: float | None
    endpoint_a_month: float | None
    prices_as_of: date = PRICES_AS_OF


def estimate(spec: ModelSpec) -> CostEstimate:
    """Training: all instances for the whole max_runtime_seconds, evaluation included. Endpoint: its first size."""
    return CostEstimate(training_at_most=_training(spec), endpoint_a_month=_endpoint(spec))


def _training(spec: ModelSpec) -> float | None:
    train = USD_AN_HOUR.get(spec.training.instance_type)
    evaluate = USD_AN_HOUR.get(spec.evaluation.instance_type)
    if train is None or evaluate is None:
        return None
    training_hours = spec.training.instance_count * spec.training.max_runtime_seconds / 3600
    return train * training_hours + evaluate * spec.evaluation.max_runtime_seconds / 3600


def _endpoint(spec: ModelSpec) -> float | None:
    price = USD_AN_HOUR.get(spec.serving.instance_type)
    scaling = spec.serving.autoscaling
    instances = scaling.min_instances if scaling else spec.serving.instance_count
    return None if price is None else price * HOURS_A_MONTH * instances
