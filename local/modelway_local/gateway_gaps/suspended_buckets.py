"""Deleting versions from a bucket whose versioning is suspended: moto fails on its delete markers.

So versioning is on in moto for the moment of the deletion. Terraform suspends it before it empties a bucket.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from modelway_local.gateway.exchange import Answer, Body, Request
from modelway_local.gateway_gaps.state import Documents

STATUS = re.compile(rb"<Status>\s*(\w+)\s*</Status>")
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
BODY = f"<VersioningConfiguration xmlns='{NAMESPACE}'><Status>{{}}</Status></VersioningConfiguration>"
# Headers of another body.
OF_THE_BODY = {
    "content-length",
    "content-md5",
    "content-encoding",
    "transfer-encoding",
    "x-amz-content-sha256",
    "x-amz-trailer",
}


class SuspendedBuckets:
    """Path-style PutBucketVersioning and DeleteObjects."""

    def __init__(self, home: Path, forward: Callable[[Request], Answer]) -> None:
        self._suspended = Documents(home, "suspended-buckets")
        self._forward = forward

    def handle(self, request: Request) -> Answer | None:
        """The answer to one of the two; None for all others, whose body is untouched."""
        bucket = unquote(request.path.strip("/"))
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        if request.service != "s3" or not bucket or "/" in bucket:
            return None
        if request.method == "PUT" and "versioning" in query:
            body = request.body.read()
            found = STATUS.search(body)
            self._suspended.put(bucket, True if found and found[1] == b"Suspended" else None)
            return self._forward(with_body(request, body))
        if request.method == "POST" and "delete" in query and self._suspended.get(bucket):
            return self._delete(request, bucket)
        return None

    def _delete(self, request: Request, bucket: str) -> Answer:
        body = request.body.read()
        self._set(request, bucket, "Enabled")
        try:
            status, headers, pieces = self._forward(with_body(request, body))
            return status, headers, pieces if isinstance(pieces, bytes) else iter([b"".join(pieces)])
        finally:
            self._set(request, bucket, "Suspended")

    def _set(self, request: Request, bucket: str, status: str) -> None:
        change = replace(request, method="PUT", target=f"/{bucket}?versioning")
        _, _, pieces = self._forward(with_body(change, BODY.format(status).encode()))
        for _ in pieces:  # to the end, which closes the connection
            pass


def with_body(request: Request, body: bytes) -> Request:
    """The request with another body, and the headers that belong to it."""
    headers = [(name, value) for name, value in request.raw_headers if name.lower() not in OF_THE_BODY]
    headers.append(("Content-Length", str(len(body))))
    plain = {name: value for name, value in request.headers.items() if name not in OF_THE_BODY}
    plain["content-length"] = str(len(body))
    return replace(request, headers=plain, raw_headers=headers, body=Body(io.BytesIO(body), len(body)))
