"""What a model's pipeline is, as GitLab's API says it, and what the admission test saw."""

from __future__ import annotations

from pydantic import Field

from modelway.contracts.base import Document
from modelway.contracts.model_spec import ModelName
from modelway.contracts.requests import Digest

ProjectPath = Field(
    pattern=r"^[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)+$", max_length=255, description="GitLab path of the project."
)


class Upstream(Document):
    """The pipeline of a model repo that triggered this one. No field comes from a variable that upstream could set."""

    model_name: ModelName
    project_id: int = Field(gt=0, description="Id of the model repo's project.")
    project_path: str = ProjectPath
    default_branch: str = Field(min_length=1, max_length=255, description="That project's default branch.")
    ref: str = Field(min_length=1, max_length=255, description="Branch of the pipeline, or refs/tags/… of a tag.")
    merge_request: int | None = Field(default=None, gt=0, description="Number of the merge request, if it is of one.")
    commit_sha: str = Field(pattern=r"^[0-9a-f]{40}$", description="Commit of the pipeline.")
    commit_title: str = Field(default="", max_length=255, description="First line of that commit's message.")
    pipeline_id: int = Field(gt=0, description="Id of the model repo's pipeline.")
    source_job_id: int = Field(gt=0, description="Job whose artifact is the code.")
    downstream_pipeline_id: int = Field(gt=0, description="Our own pipeline, which that one triggered.")
    downstream_pipeline_url: str = Field(default="", max_length=1024, description="Link to our own pipeline.")

    @property
    def released(self) -> bool:
        """Whether this is the default branch's own pipeline."""
        return self.merge_request is None and self.ref == self.default_branch


class Admission(Document):
    """What the admission test of one folder's content gave; `ci trigger` takes it, bound by `content`."""

    model_name: ModelName
    content: Digest
    request_example: str = Field(min_length=1, max_length=100_000, description="A request that the model was sent.")
    response_example: str = Field(min_length=1, max_length=100_000, description="What it answered.")
    dependencies: dict[str, Digest] = Field(
        description="Digest of what the lock installed, by top-level name; the pushed image has the same."
    )
