"""The few resources that the pipeline needs, under the names that Terraform gives. A second run changes nothing."""

from __future__ import annotations

import json
from typing import Any

import boto3

from modelway.aws.signing import KEY_SPEC
from modelway_local.iam.credentials import OWNER
from modelway_local.sagemaker.resources import REGION
from modelway_local.stack.layout import CHECKOUT, SLACK_SECRET, TRIGGER_FUNCTION, Stack, platform


def client(stack: Stack, service: str, actor: str = OWNER) -> Any:
    """A boto3 client of one of the stack's actors, the account's owner unless another is named."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=stack.gateway_url,
        region_name=REGION,
        **stack.credentials(actor).arguments(),
    )


def register_lambdas(stack: Stack, home_path: Any) -> None:
    """Tell the gateway which folder holds which function's real handler."""
    function = {
        "folder": str(CHECKOUT / "lambdas" / "trigger_dag"),
        "handler": "handler.handler",
        # Its keys it gets when it starts: this file is readable.
        "environment": platform(stack.airflow_url).to_environment(),
    }
    (home_path / "lambdas.json").write_text(json.dumps({TRIGGER_FUNCTION: function}, indent=2))


def create(stack: Stack) -> None:
    """Buckets, topic with its mailbox, Slack's secret, signing key. No role: a job has no rights to get from one."""
    settings = platform(stack.airflow_url)
    s3 = client(stack, "s3")
    for bucket in (settings.data_bucket, settings.artifacts_bucket):
        try:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
        except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
            continue
    sns = client(stack, "sns")
    topic = sns.create_topic(Name=settings.sns_topic_arn.rsplit(":", 1)[1])["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{stack.delivery_url}/mailbox")
    _create_signing_key(client(stack, "kms"), settings.signing_key_id)
    secrets = client(stack, "secretsmanager")
    webhook = f"{stack.delivery_url}/slack/webhook"
    try:
        secrets.create_secret(Name=SLACK_SECRET, SecretString=webhook)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=SLACK_SECRET, SecretString=webhook)


def _create_signing_key(kms: Any, alias: str) -> None:
    try:
        kms.describe_key(KeyId=alias)
    except kms.exceptions.NotFoundException:
        key = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec=KEY_SPEC)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=alias, TargetKeyId=key)
