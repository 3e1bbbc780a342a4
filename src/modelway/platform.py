"""Where the platform runs: the one reader of its environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from modelway import settings
from modelway.contracts.base import Document
from modelway.inert import hosts_of


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
    gitlab_url: str = Field(default="", description="GitLab's web address, for links.")
    poll_seconds: float = Field(default=30.0, gt=0, description="Interval between Describe calls, seconds.")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Platform:
        """Read the settings. Raises PlatformError naming each variable that is missing or wrong."""
        return settings.from_environment(cls, "the platform's", environ)

    def to_environment(self) -> dict[str, str]:
        """The variables that `from_environment` reads back."""
        return {f"MODELWAY_{name.upper()}": str(value) for name, value in self.model_dump().items()}

    def role_of(self, model: str) -> str:
        """ARN of the role that a model's jobs and endpoint run as."""
        return self.sagemaker_role_arn.replace("{model}", model)

    @property
    def link_hosts(self) -> frozenset[str]:
        """Where a link in a message may lead."""
        return hosts_of(self.airflow_url, self.gitlab_url)

    @property
    def dags(self) -> frozenset[str]:
        """The allow-list as a set."""
        return frozenset(filter(None, (dag.strip() for dag in self.allowed_dags.split(","))))
