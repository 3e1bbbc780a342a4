"""Where the stack keeps things, and what its parts are called."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from modelway.errors import PlatformError
from modelway.platform import Platform
from modelway.versioning import names
from modelway_local.gateway.server import delivery_path
from modelway_local.iam.credentials import OWNER, Credentials, Keyring
from modelway_local.runtime.engine import Runtime
from modelway_local.sagemaker.resources import ACCOUNT, REGION
from modelway_local.stack import actors

# The checkout: DAGs, plugins and Lambdas are taken from it as they are.
CHECKOUT = Path(__file__).resolve().parents[3]
DEFAULT_PORT = 4566
DEFAULT_AIRFLOW_PORT = 8080
TRIGGER_FUNCTION = names.trigger_function("modelway", "local")
SLACK_SECRET = "modelway/local/slack-webhook"  # noqa: S105 - the secret's name, not the secret
POLL_SECONDS = 0.3


def default_home() -> Path:
    """Folder of the stack's state: $MODELWAY_HOME or ~/.modelway."""
    return Path(os.environ.get("MODELWAY_HOME") or Path.home() / ".modelway").absolute()


@dataclass(frozen=True)
class Stack:
    """A running stack, as `<home>/stack.json` tells it."""

    home: str
    pid: int
    gateway_url: str
    airflow_url: str
    moto_url: str
    ready_seconds: float = 0.0
    # Whether Terraform made what is in the account (modelway up --terraform).
    terraform: bool = False
    # What jobs and servers are on this machine: process or docker (runtime/engine.py).
    runtime: Runtime = Runtime.PROCESS

    def write(self) -> None:
        """Write stack.json whole."""
        path = Path(self.home) / "stack.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=2))
        partial.replace(path)

    def credentials(self, actor: str = OWNER) -> Credentials:
        """An actor's keys; with Terraform's roles they are its role's."""
        return actors.credentials(Keyring(Path(self.home)), actor, with_roles=self.terraform)

    @property
    def delivery_url(self) -> str:
        """Where SNS and Slack's clients deliver to the mailbox and the webhook."""
        return f"{self.gateway_url}{delivery_path(Keyring(Path(self.home)))}"

    def aws_environment(self, actor: str = OWNER) -> dict[str, str]:
        """What makes any AWS client talk to this stack, as one of its actors."""
        return {
            "AWS_ENDPOINT_URL": self.gateway_url,
            **self.credentials(actor).environment(),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            # SDKs add a trailing checksum by default that moto stores as content.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }

    def environment(self, actor: str = actors.CI) -> dict[str, str]:
        """AWS and platform variables together: what `modelway env` prints. A shell does what CI does."""
        # An engine starts whole images only, and those come from a Dockerfile.
        builder = {"MODELWAY_BUILDER": "buildah"} if self.runtime is Runtime.DOCKER else {}
        ours = {"MODELWAY_HOME": self.home, **builder}
        return {**self.aws_environment(actor), **platform(self.airflow_url).to_environment(), **ours}


def platform(airflow_url: str) -> Platform:
    """The settings of the local environment; the names are those that Terraform gives too."""
    return Platform(
        project="modelway",
        environment="local",
        data_bucket="modelway-local-data",
        artifacts_bucket="modelway-local-artifacts",
        job_role_arn=f"arn:aws:iam::{ACCOUNT}:role/{names.job_role('modelway', 'local', '{model}')}",
        endpoint_role_arn=f"arn:aws:iam::{ACCOUNT}:role/{names.endpoint_role('modelway', 'local', '{model}')}",
        signing_key_id=names.signing_key_alias("modelway", "local"),
        sns_topic_arn=f"arn:aws:sns:{REGION}:{ACCOUNT}:modelway-local-notifications",
        slack_secret_id=SLACK_SECRET,
        airflow_url=airflow_url,
        gitlab_url="https://gitlab.com",
        poll_seconds=POLL_SECONDS,
    )


def alive(pid: int) -> bool:
    """Whether a process of this id runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return True


def running(home: Path) -> Stack | None:
    """The stack of `home` if it runs."""
    try:
        known = json.loads((home / "stack.json").read_text())
        stack = Stack(**{**known, "runtime": Runtime(known.get("runtime", Runtime.PROCESS))})
    except (OSError, ValueError, TypeError):
        return None
    return stack if alive(stack.pid) else None


def require(home: Path | None = None) -> Stack:
    """The running stack. Raises PlatformError when there is none."""
    folder = home or default_home()
    stack = running(folder)
    if stack is None:
        raise PlatformError(f"the local stack is not running (state folder {folder})", fix="modelway up")
    return stack
