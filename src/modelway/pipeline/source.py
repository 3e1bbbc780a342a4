"""Where the code comes from: GitLab's variables in a pipeline, git on a laptop."""

from __future__ import annotations

import getpass
import hashlib
import os
import subprocess
import uuid
from pathlib import Path
from typing import Literal

from modelway.contracts import Provenance
from modelway.packaging.image import Origin
from modelway.packaging.layers import content_digest, tree

Cause = Literal["commit", "schedule", "manual"]


def provenance(model_dir: Path, cause: Cause = "commit") -> Provenance:
    """Provenance of a model folder; outside git the content stands for the commit."""
    environ = os.environ
    return Provenance(
        project_path=environ.get("UPSTREAM_PROJECT_PATH") or model_dir.resolve().name,
        commit_sha=_commit(model_dir),
        ref=environ.get("UPSTREAM_REF") or _git(model_dir, "rev-parse", "--abbrev-ref", "HEAD") or "main",
        pipeline_id=pipeline_id(),
        pipeline_url=environ.get("CI_PIPELINE_URL", ""),
        commit_title=commit_title(model_dir),
        triggered_by=cause,
    )


def origin(model_dir: Path) -> Origin:
    """What an image's labels say of the commit; the project's address is known in a GitLab pipeline."""
    server, path = os.environ.get("CI_SERVER_URL", ""), os.environ.get("UPSTREAM_PROJECT_PATH", "")
    return Origin(_commit(model_dir), f"{server}/{path}" if server and path else "")


def _commit(model_dir: Path) -> str:
    found = os.environ.get("UPSTREAM_COMMIT_SHA") or _git(model_dir, "rev-parse", "HEAD")
    return found or _content_sha(model_dir)


def pipeline_id() -> str:
    """GitLab's pipeline, or a new id for a run by hand."""
    return os.environ.get("CI_PIPELINE_ID") or f"local-{uuid.uuid4().hex[:8]}"


def commit_title(model_dir: Path) -> str:
    """First line of the commit's message; empty when unknown."""
    return (os.environ.get("UPSTREAM_COMMIT_TITLE") or _git(model_dir, "log", "-1", "--format=%s") or "")[:255]


def requester() -> str:
    """Who asks, for the record."""
    return os.environ.get("GITLAB_USER_LOGIN") or getpass.getuser()


def _git(folder: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""  # without git installed, a folder is as good as one outside git
    return result.stdout.strip() if result.returncode == 0 else ""


def _content_sha(folder: Path) -> str:
    return hashlib.sha1(content_digest(tree(folder, "")).encode(), usedforsecurity=False).hexdigest()
