"""The list of the stack's owner against what an image really installs."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from modelway_local.gateway.errors import AwsError
from modelway_local.registry.scanning import FILE

ADVISORY = {"name": "CVE-2026-1", "package": "Some_Package", "affected": "<2.0", "severity": "CRITICAL"}


def layer(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return gzip.compress(buffer.getvalue(), mtime=0)


def ask(registry: Any, digest: str) -> dict[str, Any]:
    asked = {"repositoryName": "modelway/fraud", "imageId": {"imageDigest": digest}}
    found: dict[str, Any] = registry.ecr.handle("DescribeImageScanFindings", asked)
    return found


def test_a_package_in_the_affected_range_is_found(registry: Any) -> None:
    digest = registry.push("1.0.0", layer("opt/program-deps/some_package-1.9.1.dist-info/METADATA", "opt/other"))
    (registry.home / FILE).write_text(json.dumps([ADVISORY, {**ADVISORY, "package": "absent"}]))
    found = ask(registry, digest)
    assert found["imageScanStatus"]["status"] == "COMPLETE"
    assert "1 Python packages against 2 advisories" in found["imageScanStatus"]["description"]
    (finding,) = found["imageScanFindings"]["findings"]
    assert (finding["name"], finding["severity"]) == ("CVE-2026-1", "CRITICAL")
    assert {"key": "package_version", "value": "1.9.1"} in finding["attributes"]
    assert found["imageScanFindings"]["findingSeverityCounts"] == {"CRITICAL": 1}


def test_a_mended_version_is_not(registry: Any) -> None:
    digest = registry.push("1.0.0", layer("some_package-2.0.0.dist-info/METADATA"))
    (registry.home / FILE).write_text(json.dumps([ADVISORY]))
    assert ask(registry, digest)["imageScanFindings"]["findings"] == []


def test_without_a_list_nothing_was_scanned(registry: Any) -> None:
    digest = registry.push("1.0.0", layer("a"))
    with pytest.raises(AwsError, match=r"nothing scans locally, and there is no advisories\.json") as caught:
        ask(registry, digest)
    assert caught.value.code == "ScanNotFoundException"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '[{"name": "x"}]',
        json.dumps([{**ADVISORY, "affected": "old"}]),
        json.dumps([{**ADVISORY, "severity": "BAD"}]),
    ],
)
def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(registry: Any, text: str) -> None:
    digest = registry.push("1.0.0", layer("a"))
    (registry.home / FILE).write_text(text)
    with pytest.raises(AwsError, match=r"advisories\.json") as caught:
        ask(registry, digest)
    assert caught.value.code == "ValidationException"


def test_the_example_of_the_docs_is_such_a_list(registry: Any) -> None:
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "run-the-stack.md").read_text()
    example = page.split("## Image scans")[1].split("```json\n")[1].split("```")[0]
    (registry.home / FILE).write_text(example)
    digest = registry.push("1.0.0", layer("opt/program-deps/waitress-3.0.2.dist-info/METADATA"))
    assert ask(registry, digest)["imageScanFindings"]["findingSeverityCounts"] == {"CRITICAL": 1}
