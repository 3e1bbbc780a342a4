"""Bucket policies: kept here, since moto enforces them without their conditions.

A policy that denies what comes without TLS would deny everything. Moto gets one statement of it: that S3 may deliver
access logs, which it looks for, word by word, when another bucket names this one as its log target.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from modelway_local.gateway.exchange import Answer, Request
from modelway_local.gateway_gaps.state import Documents
from modelway_local.gateway_gaps.suspended_buckets import with_body

LOG_DELIVERY = "logging.s3.amazonaws.com"


class BucketPolicies:
    """Put-, Get- and DeleteBucketPolicy of path-style requests."""

    def __init__(self, home: Path, forward: Callable[[Request], Answer]) -> None:
        self._policies = Documents(home, "bucket-policies")
        self._forward = forward

    def handle(self, request: Request) -> Answer | None:
        """The answer to a request about a bucket's policy; None for all others."""
        bucket = unquote(request.path.strip("/"))
        if request.service != "s3" or not bucket or "/" in bucket:
            return None
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        if request.method == "DELETE" and set(query) <= {"x-id"}:
            self._policies.put(bucket, None)  # the bucket itself goes
            return None
        if "policy" not in query:
            return None
        if request.method == "PUT":
            return self._put(request, bucket, request.body.read().decode())
        if request.method == "DELETE":
            self._policies.put(bucket, None)
            return 204, {}, b""
        text = self._policies.get(bucket)
        if text is None:
            return 404, {"Content-Type": "application/xml"}, _missing(bucket)
        return 200, {"Content-Type": "application/json"}, str(text).encode()

    def _put(self, request: Request, bucket: str, policy: str) -> Answer:
        self._policies.put(bucket, policy)
        if _takes_access_logs(json.loads(policy)):
            body = json.dumps(_log_target(bucket)).encode()
            _, _, said = self._forward(with_body(request, body))
            for _ in said:  # to the end, which closes the connection
                pass
        return 204, {}, b""


def _takes_access_logs(policy: dict[str, Any]) -> bool:
    principals = [entry.get("Principal") for entry in policy["Statement"] if entry["Effect"] == "Allow"]
    return any(isinstance(one, dict) and one.get("Service") == LOG_DELIVERY for one in principals)


def _log_target(bucket: str) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Principal": {"Service": LOG_DELIVERY}, "Action": "s3:PutObject"}
    return {"Version": "2012-10-17", "Statement": [{**allow, "Resource": f"arn:aws:s3:::{bucket}/*"}]}


def _missing(bucket: str) -> bytes:
    said = "<Code>NoSuchBucketPolicy</Code><Message>The bucket policy does not exist</Message>"
    return f"<?xml version='1.0'?><Error>{said}<BucketName>{bucket}</BucketName></Error>".encode()
