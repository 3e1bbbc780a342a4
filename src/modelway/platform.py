"""Where the platform runs: the one reader of its environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from modelway import settings
from modelway.contracts.base import Document
from modelway.inert import hosts_of


class Platform(Document):
    """Settings of one environment, from `MODELWAY_<FIELD>` variables (Terraform or `modelway up` sets them)."""

    project: str = Field(default="modelway", pattern=r"^[a-z][a-z0-9-]{0,19}$", description="Prefix of every name.")
    environment: str = Field(default="local", pattern=r"^[a-z]{2,10}$", description="local, dev, stage or prod.")
    data_bucket: str = Field(description="S3 bucket of training data.")
    artifacts_bucket: str = Field(description="S3 bucket of models, evaluations and reports.")
    job_role_arn: str = Field(
        description="Role of training and processing jobs; `{model}` in it stands for the model's name."
    )
    endpoint_role_arn: str = Field(
        description="Role of models and their endpoints, which writes nothing; `{model}` as in job_role_arn."
    )
    signing_key_id: str = Field(
        description="KMS key that signs what was pushed: its alias, e.g. alias/modelway-dev-signing."
    )
    kms_key_id: str = Field(
        default="", description="ARN of the KMS key of volumes and outputs of jobs and endpoints; empty: AWS's own."
    )
    internet_models: str = Field(
        default="", description="Models whose code may reach the internet, with commas; all others are isolated."
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
    gitlab_url: str = Field(default="", description="GitLab's web address, for links.")
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

    def job_role_of(self, model: str) -> str:
        """ARN of the role that a model's training and processing jobs run as."""
        return self.job_role_arn.replace("{model}", model)

    def endpoint_role_of(self, model: str) -> str:
        """ARN of the role that a model's endpoint runs as."""
        return self.endpoint_role_arn.replace("{model}", model)

    def may_reach_internet(self, model: str) -> bool:
        """Whether Terraform lets the model's code reach the internet."""
        return model in _listed(self.internet_models)

    @property
    def link_hosts(self) -> frozenset[str]:
        """Where a link in a message may lead."""
        return hosts_of(self.airflow_url, self.gitlab_url)

    def belongs_to(self, model: str, project_path: str) -> bool:
        """Whether `model` is a name of that GitLab project; in an environment local without a list it always is."""
        if not self.models and self.environment == "local":
            return True
        return self.models.get(model) == project_path

    @property
    def dags(self) -> frozenset[str]:
        """The allow-list as a set."""
        return frozenset(_listed(self.allowed_dags))


def _listed(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip())]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":")) if isinstance(value, dict) else str(value)
