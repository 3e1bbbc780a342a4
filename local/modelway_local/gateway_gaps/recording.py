"""Which IAM actions each caller's requests are: `<home>/calls.json`, {access key id: [service:Action]}.

The tests compare it with the policies that Terraform gives to the role behind each key.
"""

from __future__ import annotations

import io
import re
import threading
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelway_local.gateway.exchange import Body, Request, read_json, write_json
from modelway_local.gateway.validation import service_model

# Signing name to the prefix of IAM actions, where they differ.
PREFIXES = {"monitoring": "cloudwatch", "email": "ses"}
# Signing name to botocore's client name, for services that say their operation in the path alone.
REST = {"lambda": "lambda", "airflow": "mwaa"}
RENAMED = {"lambda:Invoke": "lambda:InvokeFunction", "lambda:ListTags": "lambda:ListTags"}
# Sub-resource of a bucket to the noun in IAM's action.
BUCKET_NOUNS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
# Sub-resources of which IAM has no Delete: a deletion is a Put.
NO_DELETE = {"encryption", "lifecycle", "ownershipControls", "publicAccessBlock", "tagging"}
CREDENTIAL = re.compile(r"Credential=([^/]+)/")
OBJECT_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}


class Recorder:
    """Keeps what has been called; writes only when something new was."""

    def __init__(self, home: Path) -> None:
        self._path = home / "calls.json"
        self._lock = threading.Lock()

    def note(self, request: Request, form: str) -> None:
        """`form` is the body of a request in AWS's query protocol, else empty."""
        found = CREDENTIAL.search(request.headers.get("authorization", ""))
        called = action(request, form)
        if found is None or called is None:
            return
        self._keep(found[1], called)

    def note_sent(self, request: Any) -> None:
        """The same for a request that does not pass the gateway: botocore's AWSPreparedRequest."""
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        target = request.url.split("/", 3)[3:] or [""]
        seen = Request(request.method, f"/{target[0]}", headers, list(headers.items()), Body(io.BytesIO(), 0))
        self.note(seen, "")

    def _keep(self, key: str, called: str) -> None:
        with self._lock:
            kept = read_json(self._path)
            known = kept.get(key, [])
            if called not in known:
                write_json(self._path, {**kept, key: sorted([*known, called])})


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def action(request: Request, form: str) -> str | None:
    """`service:Action` as IAM names what is asked; None when that cannot be told."""
    service = request.service
    prefix = PREFIXES.get(service, service)
    if target := request.headers.get("x-amz-target", "").rpartition(".")[2]:
        return f"{prefix}:{target}"
    if named := parse_qs(form or urlsplit(request.target).query).get("Action"):
        return f"{prefix}:{named[0]}"
    if service == "s3":
        return f"s3:{_s3(request)}"
    if service == "sagemaker":
        return "sagemaker:InvokeEndpoint"
    if service in REST:
        name = _rest(REST[service], request)
        return RENAMED.get(f"{prefix}:{name}", f"{prefix}:{name}") if name else None
    return None


def _s3(request: Request) -> str:
    query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
    bucket, _, key = request.path.strip("/").partition("/")
    if key:
        noun = "ObjectTagging" if "tagging" in query else "ObjectAcl" if "acl" in query else "Object"
        versioned = "versionId" in query and request.method != "PUT"
        return f"{OBJECT_VERBS[request.method]}{noun}{'Version' if versioned else ''}"
    if not bucket:
        return "ListAllMyBuckets"
    for part in set(query) & set(BUCKET_NOUNS):
        verb = "Put" if request.method == "DELETE" and part in NO_DELETE else OBJECT_VERBS[request.method]
        return verb + BUCKET_NOUNS[part]
    if "delete" in query:
        return "DeleteObject"
    if "location" in query:
        return "GetBucketLocation"
    if "versions" in query:
        return "ListBucketVersions"
    return {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(request.method, "ListBucket")


@cache
def _patterns(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Method, pattern of the path and operation, the longest path first."""
    model = service_model(service)
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = http["requestUri"].split("?")[0].rstrip("/")
        parts = re.split(r"\{[^}]+\}", path)
        found.append((http["method"], re.compile("(.+)".join(map(re.escape, parts)) + "/?"), name))
    return sorted(found, key=lambda entry: -len(entry[1].pattern))


def _rest(service: str, request: Request) -> str:
    for method, pattern, name in _patterns(service):
        if method == request.method and pattern.fullmatch(request.path):
            return name
    return ""
