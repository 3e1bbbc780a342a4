"""Lambda: CloudWatch Logs subscription -> S3, and Wavefront where MODELWAY_WAVEFRONT_URL is set."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import boto3

from modelway.aws.log_targets import S3Archive, Wavefront
from modelway.log_forwarding import forward


@cache
def _archive() -> S3Archive:
    return S3Archive(boto3.client("s3"), os.environ["MODELWAY_LOGS_BUCKET"])


@cache
def _wavefront() -> Wavefront | None:
    url = os.environ.get("MODELWAY_WAVEFRONT_URL", "")
    if not url:
        return None
    return Wavefront(boto3.client("secretsmanager"), os.environ["MODELWAY_WAVEFRONT_SECRET_ID"], url)


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Raises when S3 or Wavefront did not take the batch, so that Lambda tries again and keeps it in the DLQ."""
    return forward(event, _archive(), _wavefront())._asdict()
