"""Where an image comes from, signed: an in-toto statement with SLSA provenance in a DSSE envelope.

Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, https://slsa.dev/spec/v1.0/provenance,
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any, NamedTuple, Protocol

from modelway.contracts import Image, Provenance
from modelway.errors import UserError
from modelway.platform import Platform

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:modelway:build:model-image:1"


class NotOurs(UserError):
    """Raised when nothing proves that this platform built an image."""


class Signer(Protocol):
    """An asymmetric key of the platform's; `aws.signing.KmsKey` is one."""

    def sign(self, message: bytes) -> bytes: ...
    def verifies(self, message: bytes, signature: bytes) -> bool: ...


class Evidence(NamedTuple):
    """A document about the image: its s3:// address and its content, which the statement holds the digest of."""

    name: str
    uri: str
    text: str


def builder_id(platform: Platform) -> str:
    """Who builds: this platform in this environment."""
    return f"urn:modelway:builder:{platform.project}:{platform.environment}"


def statement(
    platform: Platform, model: str, image: Image, origin: Provenance, evidence: list[Evidence], repository: str = ""
) -> dict[str, Any]:
    """What was built, from which commit, by which pipeline, and what was found in it.

    `repository` is the address of the model repo; without one its path names it.
    """
    source = f"git+{repository}" if repository else f"urn:modelway:project:{origin.project_path}"
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": image.repository_uri, "digest": {"sha256": image.digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "model": model,
                    "version": image.version,
                    "source": {"project": origin.project_path, "ref": origin.ref, "commit": origin.commit_sha},
                },
                "resolvedDependencies": [{"uri": source, "digest": {"gitCommit": origin.commit_sha}}],
            },
            "runDetails": {
                "builder": {"id": builder_id(platform)},
                "metadata": {"invocationId": origin.pipeline_url or origin.pipeline_id},
                "byproducts": [
                    {"name": item.name, "uri": item.uri, "digest": {"sha256": _sha256(item.text)}} for item in evidence
                ],
            },
        },
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _encoded(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sealed(content: dict[str, Any], signer: Signer, key_id: str) -> str:
    """The envelope of a statement, signed."""
    payload = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    signature = base64.b64encode(signer.sign(_encoded(payload))).decode()
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id, "sig": signature}],
    }
    return json.dumps(envelope)


def opened(envelope: str, signer: Signer) -> dict[str, Any]:
    """The statement of an envelope. Raises NotOurs unless the platform's key signed it."""
    try:
        document = json.loads(envelope)
        payload = base64.b64decode(document["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in document["signatures"]]
        kind = document["payloadType"]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise NotOurs(f"the statement is not a DSSE envelope: {error}") from error
    if kind != PAYLOAD_TYPE or not any(signer.verifies(_encoded(payload), signature) for signature in signatures):
        raise NotOurs("the statement is not signed by this platform's key")
    content: dict[str, Any] = json.loads(payload)
    return content


def require_ours(envelope: str | None, signer: Signer, platform: Platform, model: str, image: Image) -> None:
    """Raises NotOurs unless this platform has signed that it built `image`, for `model` and under this version."""
    again = "run the commit's pipeline again"
    if envelope is None:
        raise NotOurs(f"{image.uri} has no signed statement: this platform did not build it", fix=again)
    content = opened(envelope, signer)
    try:
        [subject] = content["subject"]
        predicate = content["predicate"]
        outer = predicate["buildDefinition"]["externalParameters"]
        said = {
            "_type": content["_type"],
            "predicateType": content["predicateType"],
            "subject": f"{subject['name']}@sha256:{subject['digest']['sha256']}",
            "buildType": predicate["buildDefinition"]["buildType"],
            "builder": predicate["runDetails"]["builder"]["id"],
            "model": outer["model"],
            "version": outer["version"],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise NotOurs(f"the statement of {image.uri} lacks a part: {error}", fix=again) from error
    wanted = {
        "_type": STATEMENT_TYPE,
        "predicateType": PREDICATE_TYPE,
        "subject": image.uri,
        "buildType": BUILD_TYPE,
        "builder": builder_id(platform),
        "model": model,
        "version": image.version,
    }
    for name, value in wanted.items():
        if said[name] != value:
            raise NotOurs(f"the statement of {image.uri} is of another {name}: {said[name]}, not {value}", fix=again)
