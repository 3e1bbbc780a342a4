"""terraform/bootstrap, applied to moto: who may take the Terraform role, and what that role can do at most.

What AWS would decide, the loopback decides from the applied documents; moto keeps them and enforces nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from modelway_local.iam.evaluation import Call, Principal, decide
from moto.server import ThreadedMotoServer

from tests.terraform.conftest import ROOT
from tests.terraform.policies import of_state_file
from tests.terraform.test_plans import Done, terraform
from tests.unit.ci.pipeline_yaml import document, jobs, merged

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(300)]
Policy = dict[str, Any]
Context = dict[str, str]
ACCOUNT = "123456789012"
IAM = f"arn:aws:iam::{ACCOUNT}"
EC2 = f"arn:aws:ec2:eu-west-1:{ACCOUNT}"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/0"
BOUNDARY = f"{IAM}:policy/modelway-boundary"
OURS = {"modelway:project": "modelway", "modelway:environment": "local"}
HAVING = {f"aws:ResourceTag/{name}": value for name, value in OURS.items()}
ASKING = {f"aws:RequestTag/{name}": value for name, value in OURS.items()}
BOUNDED = {"iam:PermissionsBoundary": BOUNDARY}
ADMINISTRATOR: Policy = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# AWS's limit for a managed policy, which counts no white space.
LONGEST_POLICY = 6144


def allows(
    policies: list[Policy], action: str, resource: str, context: Context, boundary: Policy | None = None
) -> bool:
    """Whether the policies, within the boundary, allow a call."""
    role = f"{IAM}:role/any"
    identity = {str(number): policy for number, policy in enumerate(policies)}
    caller = Principal(f"{role}/s", ACCOUNT, role, identity, boundary)
    return decide(Call(action, resource, _keys(context)), caller).allowed


def trusts(policy: Policy, claims: Context) -> bool:
    """Whether a role's trust policy lets in who holds a token of GitLab's with these claims."""
    call = Call("sts:AssumeRoleWithWebIdentity", f"{IAM}:role/any", _keys(claims))
    return decide(call, Principal("", federated=f"{IAM}:oidc-provider/gitlab.com"), policy, strict=True).allowed


def _keys(context: Context) -> dict[str, tuple[str, ...]]:
    return {name.lower(): (value,) for name, value in context.items()}


@dataclass
class Applied:
    """The bootstrap of the environment `local`, in a folder whose state it is."""

    folder: Path
    environment: dict[str, str]

    def apply(self, folder: Path, *words: str) -> Done:
        """`terraform apply` with the loopback's values."""
        command = ["apply", "-auto-approve", "-input=false", "-var-file=local.tfvars", *words]
        return terraform(folder, self.environment, *command)

    @property
    def state(self) -> Path:
        return self.folder / "terraform.tfstate"

    def only(self, kind: str) -> dict[str, Any]:
        """The attributes of the one resource of a kind."""
        entries = json.loads(self.state.read_text())["resources"]
        [found] = [entry for entry in entries if entry["type"] == kind and entry["mode"] == "managed"]
        attributes: dict[str, Any] = found["instances"][0]["attributes"]
        return attributes


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory, provider: dict[str, str]) -> Iterator[Applied]:
    folder = tmp_path_factory.mktemp("account") / "bootstrap"
    shutil.copytree(ROOT / "terraform" / "bootstrap", folder, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        keys = {
            "AWS_ACCESS_KEY_ID": "administrator",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        account = Applied(folder, {**provider, **keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
        initialised = terraform(folder, account.environment, "init")
        if "Failed to query available provider packages" in initialised.stderr:
            pytest.skip("no Terraform provider here: no mirror, no network")
        done = account.apply(folder)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        yield account
    finally:
        server.stop()


@pytest.fixture(scope="module")
def documents(applied: Applied) -> dict[str, Policy]:
    return of_state_file(applied.state)


@pytest.fixture(scope="module")
def role(documents: dict[str, Policy]) -> list[Policy]:
    """The policies of the Terraform role."""
    return [policy for address, policy in documents.items() if address.startswith("aws_iam_policy.terraform[")]


@pytest.fixture(scope="module")
def boundary(documents: dict[str, Policy]) -> Policy:
    return documents["aws_iam_policy.boundary[]"]


# -- who may take the role --------------------------------------------------------------------------------------------


JOBS = jobs()


def _audiences(name: str) -> list[str]:
    job = JOBS[name]
    return [job["variables"].get(token["aud"].lstrip("$"), token["aud"]) for token in job.get("id_tokens", {}).values()]


def _conditions(name: str) -> list[str]:
    """When a job can exist."""
    return [rule["if"] for rule in JOBS[name]["rules"] if rule.get("when") != "never"]


TERRAFORM_BRANCH = merged()["variables"]["MODELWAY_TERRAFORM_BRANCH"]
ON_TERRAFORM_BRANCH = "$CI_COMMIT_BRANCH == $MODELWAY_TERRAFORM_BRANCH"
WITH_IDENTITY = sorted(name for name in JOBS if _audiences(name))
OF_TERRAFORM = [name for name in WITH_IDENTITY if all(ON_TERRAFORM_BRANCH in one for one in _conditions(name))]
OF_MODELS = [name for name in WITH_IDENTITY if name not in OF_TERRAFORM]
MODEL_BRANCH = next(yaml.safe_load_all((ROOT / "ci" / "model-repo.yml").read_text().split("\n---\n")[0]))["spec"][
    "inputs"
]["platform_branch"]["default"]


def _claims(audience: str, branch: str, kind: str = "branch", project: str = "local/modelway") -> Context:
    subject = f"project_path:{project}:ref_type:{kind}:ref:{branch}"
    return {"gitlab.com:aud": audience, "gitlab.com:sub": subject}


@pytest.fixture(scope="module")
def trust(applied: Applied) -> Policy:
    policy: Policy = json.loads(applied.only("aws_iam_role")["assume_role_policy"])
    return policy


def test_the_jobs_were_read() -> None:
    assert {"push-image", "train", "deploy", "retrain-all"} <= set(OF_MODELS)
    assert {name.rpartition("-")[0] for name in OF_TERRAFORM} == {
        "terraform-plan",
        "terraform-apply",
        "terraform-drift",
    }
    assert MODEL_BRANCH == "main"


@pytest.mark.parametrize("name", OF_TERRAFORM)
def test_each_terraform_job_may_take_the_role(name: str, trust: Policy) -> None:
    assert all(trusts(trust, _claims(audience, TERRAFORM_BRANCH)) for audience in _audiences(name))


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="makes a job of a model pipeline take the Terraform role, with whatever audience",
    stopped_by="the role trusts the protected branch `terraform` alone, which GitLab signs and nobody can trigger",
)
@pytest.mark.parametrize("name", OF_MODELS)
def test_no_job_of_a_model_pipeline_may_take_it(name: str, trust: Policy) -> None:
    audiences = {audience for job in WITH_IDENTITY for audience in _audiences(job)} | {"https://gitlab.com"}
    assert not [audience for audience in audiences if trusts(trust, _claims(audience, MODEL_BRANCH))]
    rules = document(ROOT / ".gitlab-ci.yml")["workflow"]["rules"]
    [position] = [number for number, rule in enumerate(rules) if ON_TERRAFORM_BRANCH in rule["if"]]
    # No rule before it lets a pipeline be.
    assert [rule.get("when") for rule in rules[: position + 1]] == ["never"] * (position + 1)
    assert "$CI_PIPELINE_SOURCE !~ /^(push|schedule)$/" in rules[position]["if"]


@pytest.mark.attack(
    attacker="platform developer",
    tries="runs a job that takes the Terraform role on a branch, tag or fork of their own",
    stopped_by="the trust policy's `sub`: one project, one protected branch, compared whole",
)
@pytest.mark.parametrize(
    ("branch", "kind", "project"),
    [
        ("terraform-2", "branch", "local/modelway"),
        ("x:ref_type:branch:ref:terraform", "branch", "local/modelway"),
        ("Terraform", "branch", "local/modelway"),
        ("terraform", "tag", "local/modelway"),
        ("terraform", "branch", "somebody/modelway"),
        ("terraform", "branch", "local/modelway-2"),
    ],
)
def test_no_other_ref_of_a_developer_may_take_it(branch: str, kind: str, project: str, trust: Policy) -> None:
    assert not trusts(trust, _claims("https://gitlab.com", branch, kind, project))


# -- what the role can do at most -------------------------------------------------------------------------------------


def test_it_makes_and_changes_roles_with_the_boundary(role: list[Policy]) -> None:
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy"):
        assert allows(role, action, f"{IAM}:role/modelway-local-ci", BOUNDED), action
    handed = {"iam:PassedToService": "lambda.amazonaws.com"}
    assert allows(role, "iam:PassRole", f"{IAM}:role/modelway-local-trigger-dag", handed)


@pytest.mark.attack(
    attacker="holder of a role",
    tries="uses the Terraform role to make a role without the boundary, or to take the boundary off or widen it",
    stopped_by="roles only with the boundary, whose policy the Terraform role has no right on",
)
@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("iam:CreateRole", "role/modelway-local-x", {}),
        (
            "iam:CreateRole",
            "role/modelway-local-x",
            {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"},
        ),
        ("iam:CreateRole", "role/x", BOUNDED),
        ("iam:PutRolePolicy", "role/modelway-local-x", {}),
        ("iam:PutRolePolicy", "role/modelway-local-terraform", BOUNDED),
        ("iam:PutRolePermissionsBoundary", "role/modelway-local-ci", {"iam:PermissionsBoundary": f"{IAM}:policy/x"}),
        ("iam:PutRolePermissionsBoundary", "role/modelway-local-terraform", BOUNDED),
        ("iam:DeleteRolePermissionsBoundary", "role/modelway-local-ci", BOUNDED),
        ("iam:UpdateAssumeRolePolicy", "role/modelway-local-terraform", {}),
        ("iam:PassRole", "role/modelway-local-terraform", {"iam:PassedToService": "lambda.amazonaws.com"}),
        ("iam:PassRole", "role/modelway-local-ci", {"iam:PassedToService": "ec2.amazonaws.com"}),
        ("iam:CreatePolicyVersion", "policy/modelway-boundary", {}),
        ("iam:SetDefaultPolicyVersion", "policy/modelway-boundary", {}),
        ("iam:DeletePolicy", "policy/modelway-boundary", {}),
        ("iam:CreatePolicyVersion", "policy/modelway-local-terraform-roles", {}),
        ("iam:AttachRolePolicy", "role/modelway-local-ci", BOUNDED),
        ("iam:DetachRolePolicy", "role/modelway-local-terraform", {}),
        ("iam:PutGroupPolicy", "group/modelway-local-users", {}),
        ("iam:AddUserToGroup", "group/modelway-local-users", {}),
        ("iam:CreateUser", "user/x", BOUNDED),
        ("iam:CreateAccessKey", "user/x", {}),
        ("iam:UpdateOpenIDConnectProviderThumbprint", "oidc-provider/gitlab.com", {}),
        ("iam:AddClientIDToOpenIDConnectProvider", "oidc-provider/gitlab.com", {}),
        (
            "iam:CreateServiceLinkedRole",
            "role/aws-service-role/x.amazonaws.com/X",
            {"iam:AWSServiceName": "x.amazonaws.com"},
        ),
    ],
)
def test_it_cannot_rise_above_itself(action: str, resource: str, context: Context, role: list[Policy]) -> None:
    assert not allows(role, action, f"{IAM}:{resource}", context)


@pytest.mark.attack(
    attacker="holder of a role",
    tries="uses the Terraform role to give a role of the platform every right there is, and takes that one",
    stopped_by="the boundary: no IAM, no administration of keys, buckets, functions and networks, no other environment",
)
@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:CreateRole", f"{IAM}:role/modelway-local-x"),
        ("iam:PutRolePolicy", f"{IAM}:role/modelway-local-ci"),
        ("iam:CreatePolicyVersion", BOUNDARY),
        ("iam:PassRole", f"{IAM}:role/modelway-local-terraform"),
        ("sts:AssumeRole", f"{IAM}:role/OrganizationAccountAccessRole"),
        ("kms:PutKeyPolicy", KEY),
        ("kms:ScheduleKeyDeletion", KEY),
        ("s3:PutBucketPolicy", "arn:aws:s3:::modelway-local-data"),
        ("s3:GetObject", f"arn:aws:s3:::modelway-state-{ACCOUNT}/modelway/local.tfstate"),
        ("s3:GetObject", "arn:aws:s3:::somebody-else/x"),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:modelway-local-trigger-dag"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:payroll-abcdef"),
        ("ec2:RunInstances", f"{EC2}:instance/*"),
        ("ec2:AuthorizeSecurityGroupIngress", f"{EC2}:security-group/sg-0"),
        ("airflow:CreateEnvironment", f"arn:aws:airflow:eu-west-1:{ACCOUNT}:environment/modelway-local"),
    ],
)
def test_a_role_of_its_making_is_bounded(action: str, resource: str, boundary: Policy) -> None:
    every_right = {**ASKING, **HAVING, **BOUNDED, "iam:PassedToService": "sagemaker.amazonaws.com"}
    assert allows([ADMINISTRATOR], action, resource, every_right)
    assert not allows([ADMINISTRATOR], action, resource, every_right, boundary)


def test_it_makes_and_changes_networks_and_keys_of_its_own(role: list[Policy]) -> None:
    assert allows(role, "ec2:CreateVpc", f"{EC2}:vpc/*", ASKING)
    assert allows(role, "ec2:CreateSubnet", f"{EC2}:subnet/*", ASKING)
    assert allows(role, "ec2:CreateSubnet", f"{EC2}:vpc/vpc-0", {**ASKING, **HAVING})
    assert allows(role, "ec2:CreateTags", f"{EC2}:vpc/*", {**ASKING, "ec2:CreateAction": "CreateVpc"})
    assert allows(role, "ec2:DeleteVpc", f"{EC2}:vpc/vpc-0", HAVING)
    assert allows(role, "kms:CreateKey", "*", ASKING)
    assert allows(role, "kms:TagResource", KEY, ASKING)
    for action in (
        "PutKeyPolicy",
        "CreateGrant",
        "ListGrants",
        "RevokeGrant",
        "Encrypt",
        "ReEncryptFrom",
        "ReEncryptTo",
    ):
        assert allows(role, f"kms:{action}", KEY, HAVING), action


@pytest.mark.attack(
    attacker="holder of a role",
    tries="uses the Terraform role on keys, secrets, networks, functions and states that are not the environment's",
    stopped_by="names in ARNs, and tags on what has no name: EC2's only in the call that makes a thing",
)
@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("kms:CreateKey", "*", {}),
        ("kms:PutKeyPolicy", KEY, {}),
        ("kms:PutKeyPolicy", KEY, {**HAVING, "aws:ResourceTag/modelway:environment": "prod"}),
        ("kms:Decrypt", KEY, {}),
        ("kms:TagResource", KEY, {**ASKING, "kms:ResourceAliases": "alias/payroll"}),
        ("kms:CreateAlias", f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/payroll", {}),
        ("kms:CreateAlias", KEY, {}),
        ("ec2:CreateVpc", f"{EC2}:vpc/*", {}),
        ("ec2:CreateSubnet", f"{EC2}:vpc/vpc-0", ASKING),
        ("ec2:CreateSecurityGroup", f"{EC2}:vpc/vpc-0", ASKING),
        ("ec2:CreateRouteTable", f"{EC2}:vpc/vpc-0", ASKING),
        ("ec2:CreateVpcEndpoint", f"{EC2}:vpc/vpc-0", ASKING),
        ("ec2:CreateNetworkInterface", f"{EC2}:subnet/subnet-0", ASKING),
        ("ec2:AuthorizeSecurityGroupIngress", f"{EC2}:security-group/sg-0", ASKING),
        ("ec2:RevokeSecurityGroupEgress", f"{EC2}:security-group/sg-0", {}),
        ("ec2:CreateRoute", f"{EC2}:route-table/rtb-0", {}),
        ("ec2:DeleteVpc", f"{EC2}:vpc/vpc-0", {}),
        ("ec2:CreateTags", f"{EC2}:vpc/vpc-0", ASKING),
        ("ec2:CreateTags", f"{EC2}:vpc/vpc-0", {**ASKING, "ec2:CreateAction": "RunInstances"}),
        (
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:modelway/prod/slack-webhook-abcdef",
            {},
        ),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:payroll", {}),
        ("sns:SetTopicAttributes", f"arn:aws:sns:eu-west-1:{ACCOUNT}:payroll", {}),
        ("sqs:DeleteQueue", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:payroll", {}),
        ("s3:GetObject", f"arn:aws:s3:::modelway-state-{ACCOUNT}/modelway/prod.tfstate", {}),
        ("s3:PutBucketPolicy", f"arn:aws:s3:::modelway-state-{ACCOUNT}", {}),
        ("s3:DeleteObjectVersion", f"arn:aws:s3:::modelway-state-{ACCOUNT}/modelway/local.tfstate", {}),
    ],
)
def test_it_touches_nothing_of_others(action: str, resource: str, context: Context, role: list[Policy]) -> None:
    assert not allows(role, action, resource, context)


# -- what IAM takes, and what an account holds ------------------------------------------------------------------------


def test_policies_fit_iams_limit(documents: dict[str, Policy]) -> None:
    sizes = {address: len(json.dumps(policy, separators=(",", ":"))) for address, policy in documents.items()}
    assert len(sizes) > 5
    assert {address: size for address, size in sizes.items() if size > LONGEST_POLICY} == {}


def test_a_second_environment_in_one_account_is_refused(applied: Applied, tmp_path: Path) -> None:
    """It would share repositories, endpoints and models with the first."""
    other = tmp_path / "bootstrap"
    shutil.copytree(applied.folder, other, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
    assert terraform(other, applied.environment, "init").returncode == 0
    done = applied.apply(other, "-var=environment=dev", "-var=destroyable=false", "-var=create_oidc_provider=false")
    assert done.returncode != 0
    assert "A policy called modelway-boundary already exists" in done.stderr


def test_a_second_apply_changes_nothing(applied: Applied) -> None:
    done = terraform(applied.folder, applied.environment, "plan", "-detailed-exitcode", "-var-file=local.tfvars")
    assert done.returncode == 0, done.stdout
