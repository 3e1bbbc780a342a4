"""A resource's own policy is read where its service keeps it, and decides with the caller's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from modelway_local.iam.evaluation import Call, Principal, Verdict, decide
from modelway_local.iam.policies import Policies
from modelway_local.registry.ecr_api import EcrApi

NAME = "modelway/fraud"
PUSH = Call("ecr:PutImage", f"arn:aws:ecr:eu-west-1:123456789012:repository/{NAME}")
ROLE = "arn:aws:iam::123456789012:role/ci"
ALLOWS: dict[str, Any] = {"Statement": [{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"}]}


@pytest.fixture
def ecr(tmp_path: Path) -> EcrApi:
    api = EcrApi(tmp_path, 4566)
    api.handle("CreateRepository", {"repositoryName": NAME})
    return api


def verdict(home: Path, call: Call, *, granted: bool) -> Verdict:
    identity = {"own": ALLOWS} if granted else {}
    caller = Principal(f"{ROLE}/s", "123456789012", ROLE, identity)
    return decide(call, caller, Policies(home, "http://127.0.0.1:9").of_resource(call)).verdict


def put(ecr: EcrApi, effect: str) -> None:
    one = {"Effect": effect, "Principal": {"AWS": ROLE}, "Action": "ecr:PutImage"}
    ecr.handle("SetRepositoryPolicy", {"repositoryName": NAME, "policyText": json.dumps({"Statement": [one]})})


def test_a_repositorys_policy_denies_what_a_role_may(ecr: EcrApi, tmp_path: Path) -> None:
    put(ecr, "Deny")
    assert verdict(tmp_path, PUSH, granted=True) is Verdict.EXPLICIT_DENY
    pull = Call("ecr:BatchGetImage", PUSH.resource)
    assert verdict(tmp_path, pull, granted=True) is Verdict.ALLOWED


def test_a_repositorys_policy_allows_what_a_role_may_not(ecr: EcrApi, tmp_path: Path) -> None:
    assert verdict(tmp_path, PUSH, granted=False) is Verdict.IMPLICIT_DENY
    put(ecr, "Allow")
    assert verdict(tmp_path, PUSH, granted=False) is Verdict.ALLOWED
    ecr.handle("DeleteRepositoryPolicy", {"repositoryName": NAME})
    assert verdict(tmp_path, PUSH, granted=False) is Verdict.IMPLICIT_DENY


@pytest.mark.parametrize("resource", ["*", f"{PUSH.resource}-other"], ids=["registry", "unknown repository"])
def test_what_is_no_repository_has_no_policy(ecr: EcrApi, tmp_path: Path, resource: str) -> None:
    put(ecr, "Deny")
    assert verdict(tmp_path, Call("ecr:PutImage", resource), granted=True) is Verdict.ALLOWED
