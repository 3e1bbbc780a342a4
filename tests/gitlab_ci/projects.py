"""GitLab projects on this disk, whose pipelines gitlab-ci-local runs from their own YAML.

What differs from GitLab: jobs run in shells of this machine instead of in their images (CI_PROJECT_DIR still names the
image's folder); all share one cache; `trigger` does nothing, so `bridge_inputs` reads what it would pass;
`id_tokens`, `resource_group`, `retry`, `timeout` and `environment` are accepted and have no effect.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

NOT_RUN = "job images, identity tokens (OIDC), resource groups, retries, environments and the trigger itself"
STATE = ".gitlab-ci-local"
PIPELINE_SECONDS = 900.0
AUTHOR = ("-c", "user.name=Somebody", "-c", "user.email=somebody@localhost")


@dataclass
class Project:
    """A working copy with a remote. `variables` are the project's CI/CD variables, `tools` what jobs find in PATH."""

    folder: Path
    path: str
    server: str
    command: list[str]
    environment: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)

    def initialise(self) -> None:
        """Make it a repository whose branch main is what lies there."""
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", "--all")
        self.git(*AUTHOR, "commit", "--quiet", "--message", "feat: the first version")
        self.git("remote", "add", "origin", f"{self.server}/{self.path}.git")
        # What a clone would have, for `rules: changes`.
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        self.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def pipeline(
        self, *arguments: str, source: str = "push", inputs: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a pipeline of this source with these inputs, or the jobs of it that `arguments` name."""
        # With a type, or else a value that is a path would be read as a file variable.
        typed = {name: {"type": "variable", "values": {"*": value}} for name, value in self.variables.items()}
        (self.folder / ".gitlab-ci-local-variables.yml").write_text(yaml.safe_dump(typed))
        given = ["--variable", f"CI_PIPELINE_SOURCE={source}"]
        given += [part for name, value in (inputs or {}).items() for part in ("--input", f"{name}={value}")]
        options = ["--force-shell-executor", "--shell-isolation", "--no-artifacts-to-source", "--no-color"]
        # Its schema is older than the YAML (artifacts:access: maintainer); tests/unit/ci asks GitLab's own.
        options += ["--no-json-schema-validation", "--ignore-predefined-vars", "CI_PIPELINE_SOURCE"]
        return subprocess.run(
            [*self.command, *options, *given, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PIPELINE_SECONDS,
            check=False,
        )

    def jobs(self, source: str = "push", **inputs: str) -> dict[str, str]:
        """The jobs that a pipeline of this source with these inputs has, with the `when` of each."""
        done = self.pipeline("--list-json", source=source, inputs=inputs)
        assert done.returncode == 0, done.stdout + done.stderr
        listed = json.loads(done.stdout[done.stdout.index("[") :])
        return {job["name"]: job["when"] for job in listed if job["when"] != "never"}

    def artifact(self, job: str) -> bytes:
        """What GitLab would serve as the job's artifact: a zip."""
        folder = self.folder / STATE / "artifacts" / job
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                name = file.relative_to(folder).as_posix()
                if not name.startswith(".gitlab-ci-reports/"):
                    archive.write(file, name)
        return buffer.getvalue()

    def bridge_inputs(self, job: str) -> dict[str, str]:
        """What the `trigger` job would pass downstream: its inputs, as they stand."""
        # --preview resolves includes, inputs and extends, as GitLab does before it creates a pipeline.
        done = self.pipeline("--preview")
        assert done.returncode == 0, done.stderr
        document = done.stdout[done.stdout.index("---\n") :]
        bridge: dict[str, Any] = yaml.safe_load(document)[job]
        assert "variables" not in bridge
        inputs: dict[str, str] = bridge["trigger"]["inputs"]
        return inputs


def copy_tracked(source: Path, target: Path) -> None:
    """The files of a checkout that git knows, as they lie there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=source, stdout=subprocess.PIPE, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


def clean_environment(tools: list[Path], home: Path, servers: Mapping[str, Path]) -> dict[str, str]:
    """A runner's environment: PATH, certificates and nothing else of ours. `servers`: repositories by address."""
    kept = ("LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "TMPDIR")
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    addresses = {}
    for number, (address, folder) in enumerate(servers.items()):
        addresses |= {
            f"GIT_CONFIG_KEY_{number}": f"url.file://{folder}.insteadOf",
            f"GIT_CONFIG_VALUE_{number}": address,
        }
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        **pip,
        **addresses,
        "GIT_CONFIG_COUNT": str(len(servers)),
        "PATH": ":".join([*map(str, tools), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]),
        "HOME": str(home),
    }
