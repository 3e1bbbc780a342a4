"""What the DAGs find out: evaluation, decision, deployment."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from modelway.contracts.base import Document
from modelway.contracts.model_spec import Direction, MetricRole
from modelway.contracts.requests import ChangeReason, Digest


class ContainerEvaluation(Document):
    """`evaluation.json`, as the model's `evaluate` writes it to /opt/ml/processing/output.

    For a known problem type the rows are given and the platform computes the metrics, the same for every model;
    for `custom` the metrics are given.
    """

    schema_version: Literal[1] = 1
    metrics: dict[str, float] = Field(default_factory=dict, description="Metrics of a custom problem type.")
    labels: list[float | int | str] = Field(default_factory=list, description="True value of each holdout row.")
    predictions: list[float | int | str] = Field(default_factory=list, description="Predicted value of each row.")
    scores: list[float] | list[list[float]] = Field(
        default_factory=list, description="Binary: P(positive) of each row; multiclass: one row of class scores each."
    )
    classes: list[int | str] = Field(default_factory=list, description="Class labels; binary: [negative, positive].")


class Interval(Document):
    """A two-sided interval of the difference between two models (see `evaluation.intervals`)."""

    low: float
    high: float
    confidence: float = Field(default=0.95, gt=0, lt=1)
    undefined: float = Field(default=0.0, ge=0, le=1, description="Share of resamples on which the metric is not.")


class MetricResult(Document):
    """One metric of the candidate, beside the champion's on the same rows."""

    name: str
    direction: Direction
    candidate: float
    champion: float | None = None
    difference: float | None = Field(default=None, description="candidate - champion.")
    interval: Interval | None = Field(default=None, description="Of the difference; none without rows or champion.")
    not_compared: str = Field(default="", description="Why there is no difference, or none that can be trusted.")
    role: MetricRole = MetricRole.GUARD
    margin: float = Field(default=0.0, ge=0, description="Loss that is still no loss, in the metric's own unit.")
    threshold: float | None = None
    min_change: float = 0.0
    meets_threshold: bool


class EvaluationReport(Document):
    """Candidate against champion on the candidate's holdout."""

    schema_version: Literal[1] = 1
    model_name: str
    model_version: str
    champion_version: str | None = None
    not_comparable: str = Field(default="", description="Why the champion could not be scored on these rows.")
    rows: int = Field(ge=0)
    metrics: tuple[MetricResult, ...]
    report_s3_uri: str = ""


class Verdict(StrEnum):
    """What the comparison says."""

    FIRST = "first"
    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no_difference"
    BELOW_THRESHOLD = "below_threshold"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"


# What no machine decides: the candidate waits until a person names its version in `modelway deploy` or presses deploy.
FOR_A_PERSON = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_COMPARABLE})


class Decision(Document):
    """Whether the candidate may be deployed, and why."""

    verdict: Verdict
    accepted: bool = Field(description="Worth registering for approval.")
    reasons: tuple[str, ...]

    @property
    def for_a_person(self) -> bool:
        """Whether only a person may approve it."""
        return self.verdict in FOR_A_PERSON


class TrainingRecord(Document):
    """What `train_evaluate` leaves behind; what notifications, reports and `run --json` are made from."""

    schema_version: Literal[1] = 1
    model_name: str
    model_version: str
    image_digest: Digest
    training_job_name: str
    sagemaker_model_name: str = ""
    model_package_arn: str = ""
    model_data_s3_uri: str
    evaluation: EvaluationReport
    decision: Decision


class DeploymentRecord(Document):
    """What `deploy` leaves behind."""

    schema_version: Literal[2] = 2
    model_name: str
    model_version: str
    image_digest: Digest
    endpoint_name: str
    endpoint_arn: str
    endpoint_config_name: str
    action: Literal["created", "updated", "unchanged"]
    previous_endpoint_config_name: str | None = None
    verified: bool
    model_package_arn: str = Field(default="", description="The package that was approved, and is served.")
    approved_by: str = Field(default="", description="Who approved the package.")
    requested_by: str = Field(default="", description="Who asked for the deployment; may be who approved.")
    reason: ChangeReason = Field(default="deploy", description="deploy, or rollback to what has served before.")
