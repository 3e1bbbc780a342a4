"""The documents that travel from a commit to a live endpoint."""

from modelway.contracts.base import Document
from modelway.contracts.model_spec import Direction, MetricRole, MetricRule, ModelSpec, ProblemType
from modelway.contracts.requests import DeploymentRequest, Image, Provenance, TrainingRequest
from modelway.contracts.results import (
    FOR_A_PERSON,
    ContainerEvaluation,
    Decision,
    DeploymentRecord,
    EvaluationReport,
    Interval,
    MetricResult,
    TrainingRecord,
    Verdict,
)
from modelway.contracts.upstream import Admission, Upstream

__all__ = [
    "FOR_A_PERSON",
    "Admission",
    "ContainerEvaluation",
    "Decision",
    "DeploymentRecord",
    "DeploymentRequest",
    "Direction",
    "Document",
    "EvaluationReport",
    "Image",
    "Interval",
    "MetricResult",
    "MetricRole",
    "MetricRule",
    "ModelSpec",
    "ProblemType",
    "Provenance",
    "TrainingRecord",
    "TrainingRequest",
    "Upstream",
    "Verdict",
]
