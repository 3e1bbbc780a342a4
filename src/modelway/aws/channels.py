"""SNS, Slack and S3 behind the notification Protocols."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

import boto3
from botocore.exceptions import ClientError

from modelway.aws.store import S3Store
from modelway.errors import PlatformError
from modelway.notifications.message import Message, slack_payload, sns_subject, sns_text
from modelway.notifications.outbox import Channel, MessageRefused
from modelway.platform import Platform


class SnsChannel:
    """One SNS topic."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._client = client
        self._topic = topic_arn

    def send(self, message: Message) -> None:
        try:
            self._client.publish(TopicArn=self._topic, Subject=sns_subject(message), Message=sns_text(message))
        except ClientError as error:
            if error.response["Error"]["Code"] in (
                "InvalidParameter",
                "InvalidParameterValue",
                "ParameterValueInvalid",
            ):
                raise MessageRefused(f"SNS: {error.response['Error']['Message']}") from error
            raise


class SlackChannel:
    """A webhook whose URL is read from Secrets Manager at each send and never kept or logged."""

    def __init__(self, secrets: Any, secret_id: str, link_hosts: Collection[str] = ()) -> None:
        """`link_hosts`: where a link in a message may lead."""
        self._secrets = secrets
        self._secret_id = secret_id
        self._link_hosts = link_hosts

    def send(self, message: Message) -> None:
        url = self._secrets.get_secret_value(SecretId=self._secret_id)["SecretString"]
        body = json.dumps(slack_payload(message, self._link_hosts)).encode()
        post = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(post, timeout=10).close()
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.BAD_REQUEST:
                raise MessageRefused(f"Slack: {error.read(200).decode(errors='replace')}") from None
            raise PlatformError(f"Slack did not take the message (HTTP {error.code})") from None
        except OSError as error:
            raise PlatformError(f"Slack did not take the message ({type(error).__name__})") from None


def platform_channels(platform: Platform) -> dict[str, Channel]:
    """The channels of one environment."""
    channels: dict[str, Channel] = {"sns": SnsChannel(boto3.client("sns"), platform.sns_topic_arn)}
    if platform.slack_secret_id:
        channels["slack"] = SlackChannel(boto3.client("secretsmanager"), platform.slack_secret_id, platform.link_hosts)
    return channels


def platform_store(platform: Platform) -> S3Store:
    """The artifacts bucket."""
    return S3Store(boto3.client("s3"), platform.artifacts_bucket)
