"""`model.yaml` version 1: what a model team says of its model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from modelway.contracts.base import Document

RESERVED_MODEL_NAMES = frozenset({"all", "base", "champion", "candidate", "latest", "modelway", "none", "platform"})
METRIC_NAME = r"^[a-zA-Z][a-zA-Z0-9_]{0,62}$"


class ProblemType(StrEnum):
    """What the model predicts; it fixes which metrics the platform computes by itself."""

    BINARY_CLASSIFICATION = "binary_classification"
    MULTICLASS_CLASSIFICATION = "multiclass_classification"
    REGRESSION = "regression"
    CUSTOM = "custom"


class Direction(StrEnum):
    """Which way a metric is better."""

    HIGHER = "higher_is_better"
    LOWER = "lower_is_better"


class MetricRole(StrEnum):
    """What a metric is for: a success metric is to gain, a guard is not to lose."""

    SUCCESS = "success"
    GUARD = "guard"


# The metrics that the platform computes from labels and predictions, and which way each is better.
KNOWN_METRICS: dict[ProblemType, dict[str, Direction]] = {
    ProblemType.BINARY_CLASSIFICATION: {
        "accuracy": Direction.HIGHER,
        "precision": Direction.HIGHER,
        "recall": Direction.HIGHER,
        "f1": Direction.HIGHER,
        "roc_auc": Direction.HIGHER,
        "log_loss": Direction.LOWER,
    },
    ProblemType.MULTICLASS_CLASSIFICATION: {
        "accuracy": Direction.HIGHER,
        "balanced_accuracy": Direction.HIGHER,
        "f1_macro": Direction.HIGHER,
        "f1_weighted": Direction.HIGHER,
    },
    ProblemType.REGRESSION: {
        "rmse": Direction.LOWER,
        "mae": Direction.LOWER,
        "r2": Direction.HIGHER,
    },
    ProblemType.CUSTOM: {},
}

# The loss that a guard allows where model.yaml names none: a part of the champion's value for metrics in the unit of
# the target or without an upper end, else an absolute loss.
RELATIVE_METRICS = frozenset({"log_loss", "rmse", "mae"})
DEFAULT_MARGIN, DEFAULT_RELATIVE_MARGIN = 0.02, 0.05


def _not_reserved(name: str) -> str:
    if name in RESERVED_MODEL_NAMES:
        raise ValueError(f"{name!r} is a reserved name; choose another, e.g. '{name}-model'")
    return name


def _inside_repo(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts:
        raise ValueError("must be a path inside the model's folder: relative and without '..'")
    return path


ModelName = Annotated[
    str,
    Field(
        min_length=2,
        max_length=32,
        pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        description="Lower-case letters, digits and single hyphens; it names the ECR repository, the model package "
        "group and the endpoint.",
    ),
    AfterValidator(_not_reserved),
]
RepoPath = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_inside_repo)]
InstanceType = Annotated[
    str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", description="SageMaker instance type, e.g. ml.m5.large.")
]
Hyperparameter = str | int | float | bool


class MetricDefinition(Document):
    """A number that SageMaker reads from the training log (MetricDefinition in the SageMaker API)."""

    name: str = Field(pattern=METRIC_NAME, description="The metric's name.")
    regex: str = Field(min_length=1, max_length=500, description="Regular expression with one group: the number.")


class TrainingSpec(Document):
    """How the training job runs."""

    instance_type: InstanceType = "ml.m5.large"
    instance_count: int = Field(default=1, ge=1, le=20, description="Number of instances.")
    volume_gb: int = Field(default=30, ge=1, le=1024, description="Disk of each instance, GB.")
    max_runtime_seconds: int = Field(default=3600, ge=1, le=432_000, description="Longest run of the job, seconds.")
    hyperparameters: dict[str, Hyperparameter] = Field(
        default_factory=dict, max_length=100, description="Passed to train() as keyword values."
    )
    channels: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")], str] = Field(
        min_length=1,
        max_length=20,
        description="Input channels: name to s3:// prefix, or to a folder in the platform's data bucket.",
    )
    metric_definitions: tuple[MetricDefinition, ...] = Field(
        default=(), max_length=40, description="Numbers to read from the training log."
    )


class MetricRule(Document):
    """What one metric must fulfil."""

    threshold: float | None = Field(
        default=None, description="Worst acceptable value, in the metric's own unit; none means no limit."
    )
    min_change: float = Field(
        default=0.0, ge=0, description="Least difference from the champion that matters, in the metric's own unit."
    )
    role: MetricRole | None = Field(
        default=None,
        description="`success`: it is to get better; `guard`: it must not get worse. By default the first metric is "
        "the success metric and the others are guards.",
    )
    margin: float | None = Field(
        default=None,
        ge=0,
        description="Loss against the champion that is still no loss, in the metric's own unit. By default "
        "`min_change`; without that 0.02, or 5 % of the champion's value for `log_loss`, `rmse` and `mae`, or 0 for a "
        "custom metric.",
    )
    direction: Direction | None = Field(
        default=None, description="Which way is better; needed for metrics that the platform does not know."
    )


class EvaluationSpec(Document):
    """How candidate and champion are scored."""

    channel: str = Field(default="test", description="The channel of training.channels that holds the holdout.")
    metrics: dict[Annotated[str, Field(pattern=METRIC_NAME)], MetricRule] = Field(
        min_length=1, max_length=20, description="The metrics that decide; the first is the primary one."
    )
    positive_class: int | str | None = Field(
        default=None,
        description="Binary: the label that is the positive class. Needed unless `evaluate` names its classes, or the "
        "labels are 0 and 1, or -1 and 1.",
    )
    instance_type: InstanceType = "ml.m5.large"
    volume_gb: int = Field(default=30, ge=1, le=1024, description="Disk of the instance, GB.")
    max_runtime_seconds: int = Field(default=1800, ge=1, le=432_000, description="Longest run of the job, seconds.")


class AutoscalingSpec(Document):
    """Target tracking on invocations per instance (Application Auto Scaling)."""

    min_instances: int = Field(default=1, ge=1, le=100, description="Fewest instances.")
    max_instances: int = Field(ge=1, le=100, description="Most instances.")
    invocations_per_instance: float = Field(gt=0, description="Target invocations per instance and minute.")
    cpu_percent: float | None = Field(default=None, gt=0, le=100, description="Target CPU use, percent of one core.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_instances > self.max_instances:
            raise ValueError("min_instances must not be above max_instances")
        return self


class ServingSpec(Document):
    """How the endpoint runs."""

    instance_type: InstanceType = "ml.m5.large"
    instance_count: int = Field(default=1, ge=1, le=100, description="Instances at the start.")
    startup_timeout_seconds: int = Field(
        default=300, ge=1, le=3600, description="Longest time until /ping answers 200, seconds."
    )
    autoscaling: AutoscalingSpec | None = Field(default=None, description="None keeps instance_count fixed.")

    @property
    def initial_instance_count(self) -> int:
        """Instances of a new endpoint config: within the bounds of autoscaling, which starts after the deployment."""
        if self.autoscaling is None:
            return self.instance_count
        return min(max(self.instance_count, self.autoscaling.min_instances), self.autoscaling.max_instances)


class RetrainSpec(Document):
    """Which scheduled pipeline retrains the model."""

    schedule: Literal["none", "daily", "weekly"] = Field(default="daily", description="How often it is retrained.")


class ModelSpec(Document):
    """The whole of `model.yaml`. One file describes one model; a repo may hold several, a folder each."""

    schema_version: Literal[1] = Field(description="Version of this document's format.")
    name: ModelName
    description: str = Field(default="", max_length=500, description="One sentence for people.")
    problem_type: ProblemType
    source: RepoPath = Field(default="src", description="Folder with the model's code, copied into the image.")
    requirements: RepoPath = Field(default="requirements.txt", description="Locked requirements of the image.")
    samples: RepoPath = Field(
        default="samples",
        description="Small inputs for the admission test: one folder a channel, request.json and response.json.",
    )
    training: TrainingSpec
    evaluation: EvaluationSpec
    serving: ServingSpec = Field(default_factory=ServingSpec)
    retrain: RetrainSpec = Field(default_factory=RetrainSpec)
    network: Literal["isolated", "internet"] = Field(
        default="isolated",
        description="Whether the code may reach the internet, which Terraform must allow the model as well.",
    )
    notify: str = Field(
        default="default", pattern=r"^[a-z][a-z0-9-]{0,31}$", description="The user group that is told."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.evaluation.channel not in self.training.channels:
            raise ValueError(
                f"evaluation.channel: {self.evaluation.channel!r} is not one of training.channels "
                f"({', '.join(self.training.channels)})"
            )
        if self.evaluation.positive_class is not None and self.problem_type is not ProblemType.BINARY_CLASSIFICATION:
            raise ValueError("evaluation.positive_class: only a binary_classification has a positive class")
        known = KNOWN_METRICS[self.problem_type]
        if all(self.role_of(metric) is MetricRole.GUARD for metric in self.evaluation.metrics):
            raise ValueError(
                f"evaluation.metrics.{self.primary_metric}.role: at least one metric must be a success metric"
            )
        for name, rule in self.evaluation.metrics.items():
            if self.problem_type is ProblemType.CUSTOM:
                if rule.direction is None:
                    raise ValueError(f"evaluation.metrics.{name}: a custom metric needs its direction")
            elif name not in known:
                raise ValueError(
                    f"evaluation.metrics.{name}: not computed for {self.problem_type}; known: {', '.join(known)}"
                )
            elif rule.direction not in (None, known[name]):
                raise ValueError(f"evaluation.metrics.{name}.direction: {name} is {known[name]}; leave it out")
        return self

    def direction_of(self, metric: str) -> Direction:
        """Which way `metric` is better. Raises KeyError for a metric that the spec does not name."""
        return self.evaluation.metrics[metric].direction or KNOWN_METRICS[self.problem_type][metric]

    @property
    def primary_metric(self) -> str:
        """The first metric, by which people sort and name a model's quality."""
        return next(iter(self.evaluation.metrics))

    def role_of(self, metric: str) -> MetricRole:
        """Whether `metric` is to gain or not to lose. Raises KeyError for a metric that the spec does not name."""
        default = MetricRole.SUCCESS if metric == self.primary_metric else MetricRole.GUARD
        return self.evaluation.metrics[metric].role or default

    def margin_of(self, metric: str, champion: float) -> float:
        """The loss against the `champion`'s value that is still no loss, in the metric's own unit."""
        rule = self.evaluation.metrics[metric]
        if rule.margin is not None:
            return rule.margin
        if rule.min_change or self.problem_type is ProblemType.CUSTOM:
            return rule.min_change
        return DEFAULT_RELATIVE_MARGIN * abs(champion) if metric in RELATIVE_METRICS else DEFAULT_MARGIN
