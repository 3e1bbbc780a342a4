"""The registry protocol, request by request."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pytest

UNKNOWN = f"sha256:{'0' * 64}"


def code(answer: Any) -> tuple[int, str]:
    """Status and the protocol's error code."""
    return answer[0], json.loads(answer[2])["errors"][0]["code"]


def test_a_blob_goes_up_in_chunks_and_comes_back(registry: Any) -> None:
    body = b"0123456789"
    location = registry.send("POST", "blobs/uploads/")[1]["Location"].removeprefix("/v2/modelway/fraud/")
    status, headers, _ = registry.send("PATCH", location, body[:4], content_range="0-3")
    assert (status, headers["Range"]) == (202, "0-3")
    assert registry.send("GET", location)[:1] == (204,)
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert registry.send("PUT", f"{location}?digest={digest}", body[4:])[0] == 201
    status, headers, pieces = registry.send("GET", f"blobs/{digest}")
    assert (status, headers["Content-Length"], b"".join(pieces)) == (200, "10", body)
    assert registry.send("HEAD", f"blobs/{digest}")[2] == b""


def test_a_chunk_out_of_order_is_refused_and_the_upload_goes_on(registry: Any) -> None:
    location = registry.send("POST", "blobs/uploads/")[1]["Location"].removeprefix("/v2/modelway/fraud/")
    registry.send("PATCH", location, b"0123")
    status, headers, _ = registry.send("PATCH", location, b"89", content_range="8-9")
    assert (status, headers["Range"]) == (416, "0-3")
    assert registry.send("PATCH", location, b"45", content_range="4-5")[1]["Range"] == "0-5"


def test_content_that_is_not_its_digest_is_refused(registry: Any) -> None:
    assert code(registry.send("POST", f"blobs/uploads/?digest={UNKNOWN}", b"other")) == (400, "DIGEST_INVALID")


def test_an_upload_can_be_given_up(registry: Any) -> None:
    location = registry.send("POST", "blobs/uploads/")[1]["Location"].removeprefix("/v2/modelway/fraud/")
    assert registry.send("DELETE", location)[0] == 204
    assert registry.send("GET", location)[0] == 404


def test_a_blob_that_is_there_is_mounted(registry: Any) -> None:
    digest = registry.push_blob(b"shared")
    assert registry.send("POST", f"blobs/uploads/?mount={digest}&from=modelway/other")[0] == 201
    assert registry.send("POST", f"blobs/uploads/?mount={UNKNOWN}&from=modelway/other")[0] == 202


def test_an_image_is_read_by_tag_and_by_digest(registry: Any) -> None:
    digest = registry.push("1.0.0")
    for reference in ("1.0.0", digest):
        status, headers, body = registry.send("GET", f"manifests/{reference}")
        assert (status, headers["Docker-Content-Digest"]) == (200, digest)
        assert json.loads(body)["schemaVersion"] == 2
    assert registry.send("HEAD", "manifests/1.0.0")[2] == b""
    assert json.loads(registry.send("GET", "tags/list")[2]) == {"name": "modelway/fraud", "tags": ["1.0.0"]}


def test_a_tag_is_written_once(registry: Any) -> None:
    manifest = registry.manifest(b"one")
    assert [registry.send("PUT", "manifests/1.0.0", manifest)[0] for _ in range(2)] == [201, 201]
    assert code(registry.send("PUT", "manifests/1.0.0", registry.manifest(b"two"))) == (409, "TAG_INVALID")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"{", (400, "MANIFEST_INVALID"), id="malformed"),
        pytest.param(b"[]", (400, "MANIFEST_INVALID"), id="a list"),
        pytest.param(b'{"schemaVersion": 2}', (400, "MANIFEST_INVALID"), id="no layers"),
    ],
)
def test_what_is_no_manifest_is_refused(registry: Any, body: bytes, expected: tuple[int, str]) -> None:
    assert code(registry.send("PUT", "manifests/1.0.0", body)) == expected


def test_a_manifest_must_have_its_digest_its_blobs_its_type_and_a_tag(registry: Any) -> None:
    good = registry.manifest()
    document = json.loads(good)
    oci = json.dumps({**document, "mediaType": "application/vnd.oci.image.manifest.v1+json"}).encode()
    absent = json.dumps({**document, "layers": [{"digest": UNKNOWN}]}).encode()
    assert code(registry.send("PUT", f"manifests/{UNKNOWN}", good)) == (400, "DIGEST_INVALID")
    assert code(registry.send("PUT", "manifests/1.0.0", absent)) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert code(registry.send("PUT", "manifests/1.0.0", oci)) == (415, "MANIFEST_INVALID")
    assert code(registry.send("PUT", "manifests/..", good)) == (400, "MANIFEST_INVALID")


def test_what_is_not_there_is_404(registry: Any) -> None:
    assert code(registry.send("GET", "manifests/9.9.9")) == (404, "MANIFEST_UNKNOWN")
    assert code(registry.send("GET", f"blobs/{UNKNOWN}")) == (404, "BLOB_UNKNOWN")
    answer = registry.app.handle("POST", "/v2/modelway/nobody/blobs/uploads/", {}, io.BytesIO())
    assert code(answer) == (404, "NAME_UNKNOWN")


def test_a_method_that_is_not_offered_changes_nothing(registry: Any) -> None:
    digest = registry.push("1.0.0")
    assert code(registry.send("DELETE", "manifests/1.0.0")) == (405, "UNSUPPORTED")
    assert registry.send("GET", f"manifests/{digest}")[0] == 200
