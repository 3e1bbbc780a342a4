"""Which pipeline triggered ours, verified: GitLab says it, no variable does.

`GET /job` with the job's own token names our pipeline (https://docs.gitlab.com/api/jobs/#get-job-tokens-job). GraphQL's
`Pipeline.upstream` names the pipeline above it (https://docs.gitlab.com/api/graphql/reference/#pipeline), whose trigger
jobs (https://docs.gitlab.com/api/jobs/#list-pipeline-trigger-jobs) must list ours in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import gitlab

from modelway.contracts import Document, Upstream
from modelway.errors import PlatformError, UserError
from modelway.gitlab.client import explained

SOURCE_JOB = "model-source"  # ci/model-repo.yml
# https://docs.gitlab.com/api/projects/: ci_pipeline_variables_minimum_override_role
FORBIDDEN = "no_one_allowed"
MERGE_REQUEST = re.compile(r"^refs/merge-requests/([1-9]\d*)/(?:head|merge)$")
QUERY = """query($project: ID!, $pipeline: CiPipelineID!) {
  project(fullPath: $project) { pipeline(id: $pipeline) { upstream { id project { id } } } }
}"""
IDS = re.compile(r"^gid://gitlab/(?:Ci::Pipeline|Project)/([1-9]\d*)$")


class NotVerified(UserError):
    """Raised when GitLab does not confirm what a pipeline must be."""


class OwnJob(Document):
    """The running job, as its own token proves it."""

    job_id: int
    project_id: int
    pipeline_id: int
    pipeline_url: str
    user: str


def own_job(by_job_token: gitlab.Gitlab) -> OwnJob:
    """The job that this is. Raises GitLab's failures as in `client.explained`."""
    with explained("ask which job this is"):
        answer: Any = by_job_token.http_get("/job")
    pipeline = answer["pipeline"]
    return OwnJob(
        job_id=answer["id"],
        project_id=pipeline["project_id"],
        pipeline_id=pipeline["id"],
        pipeline_url=str(pipeline.get("web_url", "")),
        user=str(answer["user"]["username"]),
    )


def refuse_pipeline_variables(by_settings_token: gitlab.Gitlab, project_id: int) -> str:
    """The project's path, once its setting says that nobody sets pipeline variables. Raises PlatformError."""
    with explained(f"read the settings of project {project_id}"):
        project: Any = by_settings_token.http_get(f"/projects/{project_id}")
    role = project.get("ci_pipeline_variables_minimum_override_role")
    if role is None:
        message = "GitLab does not show who may set pipeline variables of this project"
        raise PlatformError(message, fix="MODELWAY_SETTINGS_TOKEN needs read_api and the role Maintainer")
    if role != FORBIDDEN or project.get("restrict_user_defined_variables") is False:
        message = (
            f"pipeline variables of this project may be set by: {role}; whoever triggers it could redirect its jobs"
        )
        fix = "Settings > CI/CD > Variables > Minimum role to use pipeline variables: No one allowed"
        raise PlatformError(message, fix=fix)
    return str(project["path_with_namespace"])


def verified(client: gitlab.Gitlab, own: OwnJob, own_path: str, model_name: str) -> Upstream:
    """What triggered our pipeline. Raises NotVerified when GitLab's answers do not agree or a rule is broken."""
    project_id, pipeline_id = _above(client, own, own_path)
    doing = f"read pipeline {pipeline_id} of project {project_id}"
    with explained(doing):
        project: Any = client.http_get(f"/projects/{project_id}")
        pipeline: Any = client.http_get(f"/projects/{project_id}/pipelines/{pipeline_id}")
        path = f"/projects/{project_id}/pipelines/{pipeline_id}"
        bridges: list[Any] = list(client.http_list(f"{path}/bridges", iterator=True))
        jobs: list[Any] = list(client.http_list(f"{path}/jobs", iterator=True))
    bridge = _only((item for item in bridges if _leads_to(item, own)), f"{doing}: no trigger job of it started ours")
    source = _only((item for item in jobs if item["name"] == SOURCE_JOB), f"{doing}: it has no one job {SOURCE_JOB}")
    commit = bridge["commit"]
    if commit["id"] != pipeline["sha"] or source["commit"]["id"] != pipeline["sha"]:
        raise NotVerified(f"{doing}: its jobs are not of its commit")
    merge_request = _merge_request(client, project, pipeline)
    return Upstream(
        model_name=model_name,
        project_id=project_id,
        project_path=project["path_with_namespace"],
        default_branch=project["default_branch"],
        # A tag may be called like the default branch.
        ref=f"refs/tags/{pipeline['ref']}" if pipeline["tag"] else pipeline["ref"],
        merge_request=merge_request,
        commit_sha=pipeline["sha"],
        commit_title=str(commit.get("title") or "")[:255],
        pipeline_id=pipeline_id,
        source_job_id=source["id"],
        downstream_pipeline_id=own.pipeline_id,
        downstream_pipeline_url=own.pipeline_url,
    )


def _above(client: gitlab.Gitlab, own: OwnJob, own_path: str) -> tuple[int, int]:
    """Project and id of the pipeline above ours."""
    variables = {"project": own_path, "pipeline": f"gid://gitlab/Ci::Pipeline/{own.pipeline_id}"}
    with explained("ask which pipeline triggered this one"):
        answer: Any = client.http_post(f"{client.url}/api/graphql", post_data={"query": QUERY, "variables": variables})
    try:
        above = answer["data"]["project"]["pipeline"]["upstream"]
        identifiers = [IDS.fullmatch(value) for value in (above["project"]["id"], above["id"])]
        project_id, pipeline_id = (int(match[1]) for match in identifiers if match)
    except (KeyError, TypeError, ValueError) as error:
        message = f"GitLab names no pipeline that triggered pipeline {own.pipeline_id}, or the token may not see it"
        raise NotVerified(
            message, fix="start it from the model repo; the token's user must be a member there"
        ) from error
    return project_id, pipeline_id


def _leads_to(bridge: Any, own: OwnJob) -> bool:
    downstream = bridge.get("downstream_pipeline") or {}
    return (downstream.get("id"), downstream.get("project_id", own.project_id)) == (own.pipeline_id, own.project_id)


def _only(items: Iterable[Any], otherwise: str) -> Any:
    listed = list(items)
    if len(listed) != 1:
        raise NotVerified(otherwise, fix="include ci/model-repo.yml unchanged")
    return listed[0]


def _merge_request(client: gitlab.Gitlab, project: Any, pipeline: Any) -> int | None:
    """Number of the merge request that the pipeline is of; its branch must be the project's own, not a fork's."""
    match = MERGE_REQUEST.match(pipeline["ref"])
    if (pipeline["source"] == "merge_request_event") != bool(match):
        raise NotVerified(f"pipeline {pipeline['id']} is a {pipeline['source']} of {pipeline['ref']}")
    if match is None:
        return None
    with explained(f"read merge request {match[1]}"):
        request: Any = client.http_get(f"/projects/{project['id']}/merge_requests/{match[1]}")
    if request["source_project_id"] != project["id"]:
        raise NotVerified(f"merge request {match[1]} comes from a fork, which may not train")
    return int(match[1])
