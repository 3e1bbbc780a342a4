"""Cases for both evaluators, drawn from a seed: policies, a boundary, a resource's policy, a call and its context."""

from __future__ import annotations

import random
from typing import Any

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/me"
Case = dict[str, Any]
# Action, the resources that it may be asked on, and the context keys that it knows besides the global ones.
CALLS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("s3:GetObject", ("arn:aws:s3:::data/a/x.csv", "arn:aws:s3:::data/b/y:z"), ()),
    ("s3:PutObject", ("arn:aws:s3:::data/a/x.csv", "arn:aws:s3:::other/a"), ()),
    ("s3:ListBucket", ("arn:aws:s3:::data", "arn:aws:s3:::other"), ("s3:prefix", "s3:max-keys")),
    ("sns:Publish", (f"arn:aws:sns:eu-west-1:{ACCOUNT}:news",), ()),
    ("sqs:SendMessage", (f"arn:aws:sqs:eu-west-1:{ACCOUNT}:dead",), ()),
    (
        "sagemaker:CreateTrainingJob",
        (f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:training-job/fraud-1",),
        ("aws:RequestTag/project", "aws:TagKeys"),
    ),
    ("iam:PassRole", (f"arn:aws:iam::{ACCOUNT}:role/jobs",), ("iam:PassedToService",)),
    ("lambda:InvokeFunction", (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:start",), ()),
)
VALUES: dict[str, tuple[str, ...]] = {
    "s3:prefix": ("a/", "a/b", "secret*", ""),
    "s3:max-keys": ("10", "1000"),
    "aws:RequestTag/project": ("modelway", "Modelway", "other"),
    "aws:TagKeys": ("project", "owner"),
    "iam:PassedToService": ("sagemaker.amazonaws.com", "lambda.amazonaws.com"),
    "aws:SourceIp": ("10.1.2.3", "192.168.0.9"),
    "aws:SecureTransport": ("true", "false"),
    "aws:CurrentTime": ("2026-01-01T00:00:00Z", "2026-06-01T12:00:00Z"),
    "aws:PrincipalArn": (ROLE,),
    "aws:RequestedRegion": ("eu-west-1", "us-east-1"),
    "aws:SourceArn": (f"arn:aws:sns:eu-west-1:{ACCOUNT}:news", "arn:aws:s3:::data"),
}
MANY = {"aws:TagKeys"}
GLOBAL = tuple(key for key in VALUES if key.startswith("aws:") and key not in MANY and "RequestTag" not in key)
KINDS: dict[str, tuple[str, ...]] = {
    "s3:max-keys": ("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"),
    "aws:SourceIp": ("IpAddress", "NotIpAddress"),
    "aws:SecureTransport": ("Bool",),
    "aws:CurrentTime": ("DateLessThan", "DateGreaterThan", "DateGreaterThanEquals"),
    "aws:PrincipalArn": ("ArnLike", "ArnNotLike", "ArnEquals", "StringLike"),
    "aws:SourceArn": ("ArnLike", "ArnNotEquals", "StringEquals"),
}
STRINGS = (
    *("StringEquals", "StringNotEquals", "StringLike", "StringNotLike"),
    *("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
)
WANTED: dict[str, tuple[str, ...]] = {
    "s3:prefix": ("a/*", "a/", "secret${*}", "${aws:RequestedRegion}/*", "?/b"),
    "s3:max-keys": ("10", "500"),
    "aws:RequestTag/project": ("modelway", "mode*", "*"),
    "aws:TagKeys": ("project", "own*"),
    "iam:PassedToService": ("sagemaker.amazonaws.com", "*.amazonaws.com"),
    "aws:SourceIp": ("10.0.0.0/8", "192.168.0.9", "0.0.0.0/1"),  # the simulator takes /0 for no address at all
    "aws:SecureTransport": ("true", "false"),
    "aws:CurrentTime": ("2026-03-01T00:00:00Z",),
    "aws:PrincipalArn": (ROLE, f"arn:aws:iam::{ACCOUNT}:role/*", "arn:aws:iam::*:role/b*"),
    "aws:RequestedRegion": ("eu-west-1", "eu-*"),
    "aws:SourceArn": (f"arn:aws:sns:*:{ACCOUNT}:*", "arn:aws:s3:::data"),
}


def cases(count: int, seed: int) -> list[Case]:
    """As many cases, the same for one seed."""
    draw = random.Random(seed)
    return [_case(draw) for _ in range(count)]


def _case(draw: random.Random) -> Case:
    action, resources, keys = draw.choice(CALLS)
    resource = draw.choice(resources)
    context: dict[str, Any] = {"aws:PrincipalArn": ROLE}
    for key in (*keys, *GLOBAL):
        if key != "aws:PrincipalArn" and draw.random() < 0.6:
            values = (
                draw.sample(VALUES[key], draw.randint(1, len(VALUES[key]))) if key in MANY else draw.choice(VALUES[key])
            )
            context[key] = values
    allowed = (*keys, *GLOBAL)
    policies = {f"p{n}": _policy(draw, action, resource, allowed) for n in range(draw.randint(1, 2))}
    takes_policies = action.partition(":")[0] in ("s3", "sns", "sqs")
    resource_policy = (
        _policy(draw, action, resource, allowed, principal=True) if takes_policies and draw.random() < 0.4 else None
    )
    return {
        "principal": SESSION,
        "account": ACCOUNT,
        "action": action,
        "resource": resource,
        "context": context,
        "identity": policies,
        "boundary": _policy(draw, action, resource, allowed) if draw.random() < 0.25 else None,
        "resourcePolicy": resource_policy,
    }


def _policy(
    draw: random.Random, action: str, resource: str, keys: tuple[str, ...], *, principal: bool = False
) -> dict[str, Any]:
    statements = [_statement(draw, action, resource, keys, principal=principal) for _ in range(draw.randint(1, 3))]
    return {"Version": "2012-10-17", "Statement": statements}


def _statement(
    draw: random.Random, action: str, resource: str, keys: tuple[str, ...], *, principal: bool
) -> dict[str, Any]:
    service, _, name = action.partition(":")
    actions = draw.choice(
        ([action], [f"{service}:*"], [f"{service}:{name[:3]}*"], [f"{service}:List*"], [action.lower()])
    )
    globs = draw.choice(([resource], ["*"], [resource[:-2] + "*"], [resource[:-1] + "?"], [resource + "x"]))
    if principal:
        globs = draw.choice(([resource], [resource[:-2] + "*"], [resource + "x"]))
    statement: dict[str, Any] = {"Effect": draw.choice(("Allow", "Allow", "Allow", "Deny"))}
    statement["NotAction" if draw.random() < 0.08 else "Action"] = actions
    statement["NotResource" if draw.random() < 0.08 and not principal else "Resource"] = globs
    if principal:
        root = f"arn:aws:iam::{ACCOUNT}:root"
        statement["Principal"] = draw.choice(({"AWS": SESSION}, {"AWS": ROLE}, {"AWS": root}, {"AWS": "*"}))
    if draw.random() < 0.6:
        statement["Condition"] = _condition(draw, keys)
    return statement


def _condition(draw: random.Random, keys: tuple[str, ...]) -> dict[str, Any]:
    key = draw.choice(keys)
    if draw.random() < 0.12:
        return {"Null": {key: draw.choice(("true", "false"))}}
    operator = draw.choice(KINDS.get(key, STRINGS))
    if key in MANY:
        operator = f"{draw.choice(('ForAllValues', 'ForAnyValue'))}:{operator}"
    if draw.random() < 0.2:
        operator += "IfExists"
    wanted = list(draw.sample(WANTED[key], draw.randint(1, len(WANTED[key]))))
    if key == "aws:SecureTransport":
        wanted = wanted[:1]
    return {operator: {key: wanted}}
