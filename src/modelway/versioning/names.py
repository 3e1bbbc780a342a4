"""Names of what the platform creates. They derive from content, so a retry finds what the first try made.

Source of the limits: the SageMaker API reference (63 characters, `[a-zA-Z0-9](-*[a-zA-Z0-9])*`).
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from modelway.contracts import DeploymentRequest, Document, TrainingRequest

SAGEMAKER_NAME_MAXIMUM = 63
Subject = Literal["candidate", "champion"]


def slug(model_version: str) -> str:
    """A model version as it stands in names: 1.4.2+r3 -> 1-4-2-r3."""
    return re.sub(r"[^a-z0-9]+", "-", model_version.lower()).strip("-")


def resource_name(*parts: str, maximum: int = SAGEMAKER_NAME_MAXIMUM) -> str:
    """Join `parts` with hyphens; a name over `maximum` keeps its start and ends in a hash of the whole."""
    name = "-".join(part for part in parts if part)
    if len(name) <= maximum:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: maximum - 9].rstrip('-')}-{digest}"


def _attempt(attempt: int) -> str:
    return "" if attempt == 1 else f"a{attempt}"


def training_job_name(request: TrainingRequest, attempt: int = 1) -> str:
    """Name of the training job of one request; `attempt` counts from 1."""
    version = slug(request.model_version)
    return resource_name(request.model.name, version, "train", request.content_hash(), _attempt(attempt))


def evaluation_job_name(request: TrainingRequest, subject: Subject, attempt: int = 1) -> str:
    """Name of the processing job that scores the candidate or the champion."""
    kind = {"candidate": "eval", "champion": "champ"}[subject]
    version = slug(request.model_version)
    return resource_name(request.model.name, version, kind, request.content_hash(), _attempt(attempt))


def model_name(project: str, request: TrainingRequest) -> str:
    """SageMaker model name: modelway-fraud-1-4-2-r3-<hash of the request>."""
    return resource_name(project, request.model.name, slug(request.model_version), request.content_hash())


def model_package_group_name(project: str, model: str) -> str:
    """One model package group a model."""
    return resource_name(project, model)


def endpoint_name(project: str, model: str) -> str:
    """One endpoint a model and environment (an account or a stack is one environment)."""
    return resource_name(project, model)


def endpoint_config_name(project: str, request: DeploymentRequest) -> str:
    """Name of the endpoint config: what is served and how, so an equal request finds it again."""
    content = f"{request.model_name}{request.model.serving.canonical_json()}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return resource_name(project, request.model.name, slug(request.model_version), digest)


def ecr_repository(project: str, model: str) -> str:
    """Repository of a model's images."""
    return f"{project}/{model}"


def dag_run_id(dag_id: str, document: Document) -> str:
    """Run id of a request: the same request, the same run.

    24 characters at most, since MWAA's InvokeRestApi takes a Path of 64 and `/dags/<dag>/dagRuns/<run>` is one.
    """
    return f"mw-{hashlib.sha256(dag_id.encode()).hexdigest()[:2]}{document.content_hash(14)}"


def job_role(project: str, environment: str, model: str) -> str:
    """Name of the role that a model's training and processing jobs run as."""
    return f"{project}-{environment}-job-{model}"


def endpoint_role(project: str, environment: str, model: str) -> str:
    """Name of the role that a model's endpoint runs as."""
    return f"{project}-{environment}-endpoint-{model}"


def signing_key_alias(project: str, environment: str) -> str:
    """Alias of the KMS key that signs what was pushed."""
    return f"alias/{project}-{environment}-signing"


def trigger_function(project: str, environment: str) -> str:
    """Name of the Lambda that starts DAGs."""
    return f"{project}-{environment}-trigger-dag"
