"""Who acts on the stack's account, and as which of Terraform's roles."""

from __future__ import annotations

from modelway_local.iam.credentials import OWNER, Credentials, Keyring
from modelway_local.iam.policies import ACCOUNT_ROOT
from modelway_local.sagemaker.resources import ACCOUNT

CI, TERRAFORM, AIRFLOW, PERSON = "ci", "terraform", "airflow", "users"
PREFIX = "modelway-local"
GITLAB = "gitlab.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITLAB}"


def _claims(branch: str) -> tuple[tuple[str, str], ...]:
    """What GitLab says of a job of the project that terraform/envs/local names, on one of its protected branches."""
    return (
        (f"{GITLAB}:aud", f"https://{GITLAB}"),
        (f"{GITLAB}:sub", f"project_path:local/modelway:ref_type:branch:ref:{branch}"),
    )


# Actor to the name of its session, and whoever assumes the role for it.
_SESSIONS: dict[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    CI: ("GitLab", PROVIDER, _claims("main")),
    TERRAFORM: ("GitLab", PROVIDER, _claims("terraform")),
    AIRFLOW: ("AmazonMWAA-airflow", "airflow-env.amazonaws.com", ()),
    PERSON: ("person", ACCOUNT_ROOT, ()),
}


def credentials(keyring: Keyring, actor: str, *, with_roles: bool) -> Credentials:
    """The actor's keys. The owner of the account has no role: it may do all, as an account's root may."""
    if actor == OWNER or not with_roles:
        return keyring.of(actor)
    name, assumed_by, claims = _SESSIONS[actor]
    return keyring.of_role(actor, f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{actor}", name, assumed_by, claims)
