"""Where the platform runs: the one reader of its environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from modelway import settings
from modelway.contracts.base import Document


class Platform(Document):
    """Settings of one environment, from `MODELWAY_<FIELD>` variables (Terraform or `modelway up` sets them)."""

    project: str = Field(default="modelway", pattern=r"^[a-z][a-z0-9-]{0,19}$", description="Prefix of every name.")
    environment: str = Field(default="local", pattern=r"^[a-z]{2,10}$", description="local, dev, stage or prod.")
    data_bucket: str = Field(description="S3 bucket of training data.")
    artifacts_bucket: str = Field(description="S3 bucket of models, evaluations and reports.")
    sagemaker_role_arn: str = Field(
        description="Execution role of jobs and models; `{model}` in it stands for the model's name."
    )
    sns_topic_arn: str = Field(description="Topic that people subscribe to.")
    slack_secret_id: str = Field(default="", description="Secrets Manager secret with the webhook URL; empty: none.")
    mwaa_environment: str = Field(default="modelway-local", description="Name of the MWAA environment.")
    allowed_dags: str = Field(default="train_evaluate,deploy", description="DAG ids that the Lambda may start.")
    airflow_url: str = Field(default="", description="Airflow's web address, for links.")
    models: dict[str, str] = Field(
        default_factory=dict,
        description='Each model\'s GitLab project, as JSON: {"fraud": "risk/fraud"}. A repo that uses another '
        "project's name is refused. Empty only in the environment local, where any name may be used.",
    )
    poll_seconds: float = Field(default=30.0, gt=0, description="Interval between Describe calls, seconds.")

    @field_validator("models", mode="before")
    @classmethod
    def _read_models(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Platform:
        """Read the settings. Raises PlatformError naming each variable that is missing or wrong."""
        return settings.from_environment(cls, "the platform's", environ)

    def to_environment(self) -> dict[str, str]:
        """The variables that `from_environment` reads back."""
        return {f"MODELWAY_{name.upper()}": _text(value) for name, value in self.model_dump().items()}

    def role_of(self, model: str) -> str:
        """ARN of the role that a model's jobs and endpoint run as."""
        return self.sagemaker_role_arn.replace("{model}", model)

    def belongs_to(self, model: str, project_path: str) -> bool:
        """Whether `model` is a name of that GitLab project; in an environment local without a list it always is."""
        if not self.models and self.environment == "local":
            return True
        return self.models.get(model) == project_path

    @property
    def dags(self) -> frozenset[str]:
        """The allow-list as a set."""
        return frozenset(filter(None, (dag.strip() for dag in self.allowed_dags.split(","))))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)
