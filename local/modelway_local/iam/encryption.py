"""The key behind a bucket, a topic or a secret: whoever uses the one needs the other.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from modelway_local.gateway.exchange import Request
from modelway_local.gateway_gaps.state import Documents
from modelway_local.iam import requests
from modelway_local.iam.actions import Need
from modelway_local.iam.evaluation import Call
from modelway_local.sagemaker.resources import REGION

MASTER_KEY = re.compile(rb"<KMSMasterKeyID>\s*([^<\s]+)\s*</KMSMasterKeyID>")
DELIVERING = ("Publish", "PublishBatch")


class Encryption:
    """Notes which customer key each bucket, topic and secret has; AWS's own keys ask nobody."""

    def __init__(self, home: Path) -> None:
        self._keys = Documents(home, "encryption-keys")

    def note(self, request: Request, body: bytes) -> None:
        """To be called for each request that was answered well."""
        if request.service == "s3":
            self._note_bucket(request, body)
            return
        operation = requests.operation(request, body)
        if operation is None:
            return
        if request.service == "sns" and operation.name == "CreateTopic":
            fields = {name: str(value) for name, value in operation.parameters.items()}
            key = next(
                (fields[f"{name[:-4]}.value"] for name, value in fields.items() if value == "KmsMasterKeyId"), ""
            )
            self._keep(f"sns:{operation.text('Name')}", key)
        elif request.service == "sns" and operation.text("AttributeName") == "KmsMasterKeyId":
            self._keep(f"sns:{operation.text('TopicArn').rpartition(':')[2]}", operation.text("AttributeValue"))
        elif request.service == "secretsmanager" and operation.text("KmsKeyId"):
            self._keep(f"secretsmanager:{_secret(operation.text('Name', 'SecretId'))}", operation.text("KmsKeyId"))

    def _note_bucket(self, request: Request, body: bytes) -> None:
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        if "encryption" in query and request.method in ("PUT", "DELETE"):
            found = MASTER_KEY.search(body)
            self._keep(f"s3:{_bucket(request)}", found[1].decode() if found else "")

    def _keep(self, name: str, key: str) -> None:
        self._keys.put(name, key if key.startswith("arn:") else None)

    def needs(self, request: Request, body: bytes) -> list[Need]:
        """Rights on the key that the request's resource has."""
        if request.service == "s3":
            return self._of_object(request)
        if request.service not in ("sns", "secretsmanager"):
            return []
        operation = requests.operation(request, body)
        if operation is None:
            return []
        if request.service == "sns" and operation.name in DELIVERING:
            name = operation.text("TopicArn").rpartition(":")[2]
            actions: tuple[str, ...] = ("Decrypt", "GenerateDataKey")
        elif operation.name in ("GetSecretValue", "PutSecretValue"):
            name = _secret(operation.text("SecretId"))
            actions = ("Decrypt",) if operation.name.startswith("Get") else ("Decrypt", "GenerateDataKey")
        else:
            return []
        return self._on_key(f"{request.service}:{name}", request.service, actions)

    def _of_object(self, request: Request) -> list[Need]:
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        key = unquote(request.path.lstrip("/")).partition("/")[2]
        if not key or {"tagging", "acl"} & set(query) or request.method in ("DELETE", "HEAD"):
            return []
        writes = request.method in ("PUT", "POST")
        # A part of an upload is encrypted with the key that the upload's start asked for, which is read again.
        actions = (
            ("GenerateDataKey", "Decrypt") if "uploadId" in query else ("GenerateDataKey",) if writes else ("Decrypt",)
        )
        return self._on_key(f"s3:{_bucket(request)}", "s3", actions)

    def _on_key(self, name: str, service: str, actions: tuple[str, ...]) -> list[Need]:
        key = self._keys.get(name)
        if not key:
            return []
        via = {"kms:viaservice": (f"{service}.{REGION}.amazonaws.com",)}
        return [Need((Call(f"kms:{action}", str(key), via),)) for action in actions]


def _bucket(request: Request) -> str:
    return unquote(request.path.lstrip("/")).partition("/")[0]


def _secret(identifier: str) -> str:
    """A secret's name from its name or its ARN, whose six random characters are cut off."""
    return re.sub(r"-[A-Za-z0-9]{6}$", "", identifier.rpartition(":secret:")[2]) if ":" in identifier else identifier
