"""A statement proves which pipeline built an image, and only the platform's key makes one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from modelway.lineage.statement import Evidence, NotOurs, opened, require_ours, sealed, statement
from tests.unit.deployment.fake_sagemaker import Key
from tests.unit.sagemaker.test_requests import PLATFORM, TRAINING

IMAGE, MODEL = TRAINING.image, TRAINING.model.name
CONTENT = statement(PLATFORM, MODEL, IMAGE, TRAINING.provenance, [Evidence("sbom", "s3://a/sbom", "{}")])
ENVELOPE = sealed(CONTENT, Key(), "alias/k")


def test_it_is_an_in_toto_statement_with_slsas_predicate() -> None:
    assert CONTENT["_type"] == "https://in-toto.io/Statement/v1"
    assert CONTENT["predicateType"] == "https://slsa.dev/provenance/v1"
    assert CONTENT["subject"] == [{"name": IMAGE.repository_uri, "digest": {"sha256": "a" * 64}}]
    predicate = CONTENT["predicate"]
    assert {"buildType", "externalParameters", "resolvedDependencies"} <= set(predicate["buildDefinition"])
    assert predicate["buildDefinition"]["resolvedDependencies"][0]["digest"] == {"gitCommit": "b" * 40}
    [sbom] = predicate["runDetails"]["byproducts"]
    assert sbom["digest"]["sha256"] == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_dsse_is_what_is_signed() -> None:
    """As the protocol encodes it: lengths in decimal, one space between."""
    document = json.loads(ENVELOPE)
    payload = base64.b64decode(document["payload"])
    encoded = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    assert base64.b64decode(document["signatures"][0]["sig"]) == Key().sign(encoded)


def test_ours_is_taken() -> None:
    require_ours(ENVELOPE, Key(), PLATFORM, MODEL, IMAGE)


def _changed(change: Callable[[dict[str, Any]], None]) -> str:
    content = json.loads(json.dumps(CONTENT))
    change(content)
    return sealed(content, Key(), "alias/k")


def _lacking(content: dict[str, Any]) -> None:
    del content["predicate"]["runDetails"]


def _two_subjects(content: dict[str, Any]) -> None:
    content["subject"] *= 2


def _other_environment(content: dict[str, Any]) -> None:
    content["predicate"]["runDetails"]["builder"]["id"] = "urn:modelway:builder:modelway:dev"


def _other_predicate(content: dict[str, Any]) -> None:
    content["predicateType"] = "https://cyclonedx.org/bom"


def _repeated(text: str) -> str:
    """The signature of one payload under another."""
    document = json.loads(text)
    content = json.loads(base64.b64decode(document["payload"]))
    content["subject"][0]["digest"]["sha256"] = "f" * 64
    document["payload"] = base64.b64encode(json.dumps(content).encode()).decode()
    return json.dumps(document)


@pytest.mark.parametrize(
    ("envelope", "said"),
    [
        pytest.param(None, "has no signed statement", id="none"),
        pytest.param("{}", "not a DSSE envelope", id="empty"),
        pytest.param("no JSON", "not a DSSE envelope", id="text"),
        pytest.param('{"payload": 3, "payloadType": "", "signatures": []}', "not a DSSE", id="types"),
        pytest.param(sealed(CONTENT, Key(b"theirs"), "alias/k"), "not signed by this platform", id="another key"),
        pytest.param(_repeated(ENVELOPE), "not signed by this platform", id="another payload"),
        pytest.param(ENVELOPE.replace("in-toto", "other"), "not signed by this platform", id="another type"),
        pytest.param(_changed(_lacking), "lacks a part", id="a part missing"),
        pytest.param(_changed(_two_subjects), "lacks a part", id="two subjects"),
        pytest.param(_changed(_other_environment), "another builder", id="another environment"),
        pytest.param(_changed(_other_predicate), "another predicateType", id="another predicate"),
    ],
)
def test_anything_else_is_refused(envelope: str | None, said: str) -> None:
    with pytest.raises(NotOurs, match=said):
        require_ours(envelope, Key(), PLATFORM, MODEL, IMAGE)


def test_what_is_opened_is_what_was_sealed() -> None:
    assert opened(ENVELOPE, Key()) == CONTENT
