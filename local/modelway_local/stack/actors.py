"""Who acts on the stack's account, and as which of Terraform's roles."""

from __future__ import annotations

from modelway_local.iam.credentials import OWNER, Credentials, Keyring
from modelway_local.iam.rights import MAKER
from modelway_local.sagemaker.resources import ACCOUNT

CI, TERRAFORM, AIRFLOW = "ci", MAKER, "airflow"
PREFIX = "modelway-local"
GITLAB = "gitlab.com"
# What GitLab would say of a job of the project that terraform/envs/local names, on its main branch.
CLAIMS = (
    (f"{GITLAB}:aud", f"https://{GITLAB}"),
    (f"{GITLAB}:sub", "project_path:local/modelway:ref_type:branch:ref:main"),
)
# Actor to the name of its session, and whoever assumes the role for it.
_SESSIONS: dict[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    CI: ("GitLab", f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITLAB}", CLAIMS),
    TERRAFORM: ("GitLab", f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITLAB}", CLAIMS),
    AIRFLOW: ("AmazonMWAA-airflow", "airflow-env.amazonaws.com", ()),
}


def credentials(keyring: Keyring, actor: str, *, with_roles: bool) -> Credentials:
    """The actor's keys. The owner of the account has no role: it may do all, as an account's root may."""
    if actor == OWNER or not with_roles:
        return keyring.of(actor)
    name, assumed_by, claims = _SESSIONS[actor]
    return keyring.of_role(actor, f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{actor}", name, assumed_by, claims)
