"""The confs of the two DAGs: what to train, what to deploy, and where each came from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelway.contracts.base import Document
from modelway.contracts.model_spec import ModelSpec

ImageVersion = Annotated[
    str, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$", description="Semantic version, e.g. 1.4.2.")
]
# Why an endpoint is changed: to a version that was approved, or back to one that has served before.
ChangeReason = Literal["deploy", "rollback"]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="Digest of the image's manifest.")]


class Image(Document):
    """One image in ECR; jobs and endpoints name it by digest, people by version."""

    repository_uri: str = Field(
        pattern=r"^[a-z0-9.:-]+(/[a-z0-9._-]+)+$", description="registry/project/model, without tag or digest."
    )
    version: ImageVersion
    digest: Digest

    @property
    def uri(self) -> str:
        """What SageMaker pulls: repository@digest."""
        return f"{self.repository_uri}@{self.digest}"


class Provenance(Document):
    """Where a request came from; `pipeline_id` sets one pipeline's run apart from the next one's."""

    project_path: str = Field(min_length=1, max_length=255, description="GitLab path of the model repo.")
    commit_sha: str = Field(pattern=r"^[0-9a-f]{40}$", description="Commit of the model repo.")
    ref: str = Field(default="main", max_length=255, description="Branch or tag.")
    pipeline_id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Pipeline that asks.")
    pipeline_url: str = Field(default="", max_length=1024, description="Link to that pipeline.")
    commit_title: str = Field(default="", max_length=255, description="First line of the commit's message.")
    triggered_by: Literal["commit", "schedule", "manual"] = Field(default="commit", description="What set it off.")
    merge_request: int | None = Field(
        default=None, gt=0, description="Merge request of that pipeline, if it is of one."
    )
    released: bool = Field(default=True, description="Whether it is the default branch's, or a person's run by hand.")


class TrainingRequest(Document):
    """The conf of `train_evaluate`."""

    schema_version: Literal[1] = 1
    model: ModelSpec
    image: Image
    retraining: int = Field(default=0, ge=0, description="0 for an image's first training, then 1, 2, …")
    provenance: Provenance

    @property
    def model_version(self) -> str:
        """Image version and retraining number: 1.4.2+r3."""
        return f"{self.image.version}+r{self.retraining}"


class DeploymentRequest(Document):
    """The conf of `deploy`: which registered model version becomes the endpoint."""

    schema_version: Literal[1] = 1
    model: ModelSpec
    model_version: str = Field(pattern=r"^\d+\.\d+\.\d+\+r\d+$", description="Image version and retraining number.")
    model_package_arn: str = Field(pattern=r"^arn:aws[a-z-]*:sagemaker:", description="The approved model package.")
    model_name: str = Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", description="SageMaker model to serve.")
    image: Image
    request_example: str = Field(min_length=1, max_length=100_000, description="A request body to verify with (JSON).")
    response_example: str = Field(min_length=1, max_length=100_000, description="What it answered at admission (JSON).")
    requested_by: str = Field(default="", max_length=256, description="Who asked, as GitLab, AWS or the system says.")
    reason: ChangeReason = Field(default="deploy", description="deploy, or rollback to what has served before.")
    provenance: Provenance
    again: int = Field(default=0, ge=0, description="How often an equal request was carried out and undone before.")
