"""What holds for the text of terraform/ without running it."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from modelway_local.stack.layout import platform

from modelway.platform import Platform
from modelway.versioning import names

TERRAFORM = Path(__file__).parents[3] / "terraform"
FILES = sorted(path for path in TERRAFORM.rglob("*.tf") if ".terraform" not in path.parts)
MODULES = sorted(path for path in (TERRAFORM / "modules").iterdir() if path.is_dir())
WILDCARD = re.compile(r'"[a-z0-9-]+:[A-Za-z]*\*"')


BOUNDARY = TERRAFORM / "bootstrap" / "boundary.tf"


def test_only_the_denials_of_plain_http_and_the_boundary_name_actions_by_pattern() -> None:
    files = [path for path in FILES if path != BOUNDARY]
    lines = [line.strip() for path in files for line in path.read_text().splitlines() if WILDCARD.search(line)]
    assert set(lines) == {'actions   = ["s3:*"] # a denial: everything, on purpose'}


ROLE = re.compile(r'^resource "aws_iam_role" "\w+" \{\n(.*?)^\}', re.M | re.S)
ACTIONS = re.compile(r"\bactions += (\[.*?\])", re.S)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_role_has_the_boundary(module: Path) -> None:
    text = "".join(path.read_text() for path in module.glob("*.tf"))
    for role in ROLE.findall(text):
        assert re.search(r"^  permissions_boundary += var\.context\.boundary_arn$", role, re.M), role


def test_the_boundary_lets_through_what_roles_are_given() -> None:
    """An action of a role's policy that the boundary lacks is refused on AWS, whatever the policy says."""
    patterns = _actions(BOUNDARY.read_text())
    texts = ["".join(path.read_text() for path in module.glob("*.tf")) for module in MODULES]
    given = {action for text in texts if ROLE.search(text) for action in _actions(text)}
    assert len(given) > 80
    beyond = {action for action in given if not any(fnmatchcase(action, pattern) for pattern in patterns)}
    assert {action for action in beyond if not action.startswith("sts:AssumeRole")} == set()


def _actions(text: str) -> set[str]:
    lists = (re.sub(r"#.*", "", one) for one in ACTIONS.findall(text))
    return {action for one in lists for action in re.findall(r'"(.+?)"', one)}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_each_module_has_the_same_five_files(module: Path) -> None:
    files = {path.name for path in module.glob("*.tf")}
    assert {"main.tf", "variables.tf", "outputs.tf", "versions.tf"} <= files
    assert "iam.tf" in files or "aws_iam" not in (module / "main.tf").read_text()


def test_every_variable_and_output_is_described_and_typed() -> None:
    for path in FILES:
        for kind, name, body in re.findall(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', path.read_text(), re.M | re.S):
            assert "description =" in re.sub(r" +", " ", body), f"{path}: {kind} {name}"
            if kind == "variable":
                assert re.search(r"^  type +=", body, re.M), f"{path}: {name}"


def test_no_provider_block_knows_of_an_emulator() -> None:
    text = "".join(path.read_text() for path in FILES)
    assert "endpoints {" not in text
    assert "skip_credentials_validation" not in text


def test_every_environment_locks_the_same_provider() -> None:
    roots = [TERRAFORM / "bootstrap", *(path for path in (TERRAFORM / "envs").iterdir() if path.is_dir())]
    locks = {root.name: (root / ".terraform.lock.hcl").read_text() for root in roots}
    assert len(set(locks.values())) == 1
    constraint = re.search(r'version = "(~> [0-9.]+)"', (TERRAFORM / "root" / "versions.tf").read_text())
    assert constraint
    assert f'constraints = "{constraint[1]}"' in locks["prod"]
    assert '"h1:' in locks["prod"]


def test_terraform_sets_every_setting_of_the_platform() -> None:
    text = (TERRAFORM / "root" / "main.tf").read_text()
    wanted = {f"MODELWAY_{name.upper()}" for name in Platform.model_fields}
    assert set(re.findall(r"\bMODELWAY_[A-Z_]+\b", text)) == wanted


def test_the_local_stack_without_terraform_gives_the_same_names() -> None:
    settings = platform("")
    text = "".join(path.read_text() for path in FILES)
    assert settings.sns_topic_arn.endswith(":modelway-local-notifications")
    assert "${local.name}-notifications" in text
    assert settings.slack_secret_id == "modelway/local/slack-webhook"
    assert "${var.context.project}/${var.context.environment}/slack-webhook" in text
    assert settings.job_role_arn.endswith(":role/modelway-local-job-{model}")
    assert settings.endpoint_role_arn.endswith(":role/modelway-local-endpoint-{model}")
    assert settings.signing_key_id == "alias/modelway-local-signing"
    assert '"alias/${local.name}-signing"' in text
    assert names.trigger_function("modelway", "local") == "modelway-local-trigger-dag"
    assert "${var.context.project}-${var.context.environment}-trigger-dag" in text
    assert (settings.data_bucket, settings.artifacts_bucket) == ("modelway-local-data", "modelway-local-artifacts")
