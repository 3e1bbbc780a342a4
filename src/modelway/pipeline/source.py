"""Where the code comes from: GitLab's API in a pipeline, git on a laptop; and whose name a model has."""

from __future__ import annotations

import hashlib
import os
import pwd
import subprocess
import uuid
from pathlib import Path
from typing import Literal

import boto3

from modelway.contracts import Provenance, Upstream
from modelway.errors import UserError
from modelway.packaging.image import Origin
from modelway.packaging.layers import content_digest, tree
from modelway.platform import Platform

Cause = Literal["commit", "schedule", "manual"]
# What git is told on a person's own repository, whose configuration may name programs to run.
GIT = (
    "git",
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat"),
    *("-c", "log.showSignature=false", "-c", "gpg.program=/bin/false", "-c", "gpg.ssh.program=/bin/false"),
)


def provenance(model_dir: Path, upstream: Upstream | None = None, cause: Cause = "commit") -> Provenance:
    """Provenance of a model folder: what GitLab said of its pipeline; without one, the content stands for the commit.

    No program is started: jobs with an identity call this.
    """
    if upstream is None:
        return Provenance(
            project_path=model_dir.resolve().name,
            commit_sha=_content_sha(model_dir),
            pipeline_id=pipeline_id(),
            triggered_by=cause,
        )
    return Provenance(
        project_path=upstream.project_path,
        commit_sha=upstream.commit_sha,
        ref=upstream.ref,
        merge_request=upstream.merge_request,
        released=upstream.released,
        pipeline_id=str(upstream.downstream_pipeline_id),
        pipeline_url=upstream.downstream_pipeline_url,
        commit_title=upstream.commit_title,
        triggered_by=cause,
    )


def by_hand(model_dir: Path) -> Provenance:
    """Provenance of a person's own folder, which git may know; such a run counts as released."""
    known = provenance(model_dir)
    values = {
        "commit_sha": _git(model_dir, "rev-parse", "HEAD"),
        "ref": _git(model_dir, "rev-parse", "--abbrev-ref", "HEAD"),
        "commit_title": commit_title(model_dir),
    }
    return known.model_copy(update={name: value for name, value in values.items() if value})


def origin(came_from: Provenance, server: str = "") -> Origin:
    """What an image's labels say of the commit; `server` is GitLab's address, in a pipeline."""
    return Origin(came_from.commit_sha, f"{server}/{came_from.project_path}" if server else "")


def refuse_foreign(platform: Platform, upstream: Upstream | None, name: str) -> None:
    """Raises UserError when model.yaml's name is not the pipeline's, or is another project's."""
    asked = os.environ.get("MODELWAY_MODEL_NAME") or (upstream.model_name if upstream else name)
    if asked != name or (upstream and upstream.model_name != name):
        raise UserError(
            f"the pipeline is for {asked!r} and model.yaml says {name!r}",
            fix="give the train job's input model_name the name in model.yaml",
        )
    if upstream:
        refuse_other_project(platform, name, upstream.project_path)


def refuse_other_project(platform: Platform, name: str, project_path: str) -> None:
    """Raises UserError when the model's name is not that GitLab project's."""
    if platform.belongs_to(name, project_path):
        return
    owner = platform.models.get(name)
    why = f"that model belongs to {owner}" if owner else "no project has that model here"
    raise UserError(
        f"{project_path} may not use the name {name!r}: {why}",
        fix="choose another name in model.yaml, or add the model and its project to Terraform's `models`",
    )


def pipeline_id() -> str:
    """GitLab's pipeline, or a new id for a run by hand."""
    return os.environ.get("CI_PIPELINE_ID") or f"local-{uuid.uuid4().hex[:8]}"


def commit_title(model_dir: Path) -> str:
    """First line of the last commit's message on a laptop; empty when unknown."""
    return _git(model_dir, "log", "-1", "--format=%s")[:255]


def requester(platform: Platform) -> str:
    """Who asks, by what nobody can set: GitLab says whose job this is, AWS whose session, the system whose process.

    Sources: https://docs.gitlab.com/api/jobs/#get-job-tokens-job and
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html. Raises what `gitlab.client` does.
    """
    if os.environ.get("CI_JOB_TOKEN"):
        from modelway.gitlab.client import connect_as_job  # python-gitlab, which a laptop need not load
        from modelway.gitlab.upstream import own_job

        return own_job(connect_as_job()).user
    if platform.environment != "local":
        return str(boto3.client("sts").get_caller_identity()["Arn"])
    return pwd.getpwuid(os.getuid()).pw_name


def _git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    command = [*GIT, "-C", str(folder), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        return ""  # without git installed, a folder is as good as one outside git
    return result.stdout.strip() if result.returncode == 0 else ""


def _content_sha(folder: Path) -> str:
    return hashlib.sha1(content_digest(tree(folder, "")).encode(), usedforsecurity=False).hexdigest()
