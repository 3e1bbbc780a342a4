"""ECR's two kinds of scan answers, and what they stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modelway.aws import image_scan
from modelway.aws.image_scan import ScanAbsent, Vulnerability, refuse_critical, scanned
from modelway.contracts import Image
from modelway.errors import PlatformError, UserError

IMAGE = Image(repository_uri="host/modelway/churn", version="1.4.2", digest="sha256:" + "a" * 64)
BASIC = {
    "name": "CVE-2026-1",
    "severity": "CRITICAL",
    "uri": "https://security.example/CVE-2026-1",
    "attributes": [{"key": "package_name", "value": "openssl"}, {"key": "package_version", "value": "3.0.1"}],
}
ENHANCED = {
    "severity": "HIGH",
    "title": "CVE-2026-2 - numpy",
    "packageVulnerabilityDetails": {
        "vulnerabilityId": "CVE-2026-2",
        "sourceUrl": "https://nvd.example/CVE-2026-2",
        "vulnerablePackages": [
            {"name": "numpy", "version": "2.0", "fixedInVersion": "2.1"},
            {"name": "numpy-base", "version": "2.0", "fixedInVersion": "NotAvailable"},
        ],
    },
}


class Ecr:
    """Answers one question after another: the pages of each, or an error."""

    class exceptions:  # noqa: N801 - boto3's name
        class ScanNotFoundException(Exception):
            pass

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Ecr:
        assert operation == "describe_image_scan_findings"
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(asked)
        if not self.answers:
            raise self.exceptions.ScanNotFoundException("Image scan does not exist")
        yield from self.answers.pop(0)


def page(status: str, **findings: list[dict[str, Any]]) -> dict[str, Any]:
    return {"imageScanStatus": {"status": status, "description": "why"}, "imageScanFindings": findings}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_scan.time, "sleep", lambda _: None)


def test_it_waits_tells_each_state_once_and_reads_all_pages_worst_first() -> None:
    done = [page("COMPLETE", enhancedFindings=[ENHANCED]), page("COMPLETE", findings=[BASIC])]
    ecr = Ecr([page("PENDING")], [page("IN_PROGRESS")], [page("IN_PROGRESS")], done)
    told: list[str] = []
    found = scanned(ecr, IMAGE, told.append)
    assert ecr.asked[0] == {"repositoryName": "modelway/churn", "imageId": {"imageDigest": IMAGE.digest}}
    assert told == ["scan of modelway/churn: PENDING", "scan of modelway/churn: IN_PROGRESS"]
    assert [str(item) for item in found] == [
        "CVE-2026-1 openssl 3.0.1 https://security.example/CVE-2026-1",
        "CVE-2026-2 numpy 2.0, numpy-base 2.0 (fixed in 2.1) https://nvd.example/CVE-2026-2",
    ]


def test_inspectors_continuous_scan_is_an_answer() -> None:
    assert scanned(Ecr([page("ACTIVE")]), IMAGE, print) == []


def test_without_a_scanner_it_says_so() -> None:
    with pytest.raises(ScanAbsent, match=r"no scan of modelway/churn[\s\S]*scan_on_push"):
        scanned(Ecr(), IMAGE, print)


@pytest.mark.parametrize("status", ["FAILED", "UNSUPPORTED_IMAGE", "LIMIT_EXCEEDED"])
def test_a_scan_that_did_not_happen_lets_nothing_pass(status: str) -> None:
    with pytest.raises(PlatformError, match=f"ended as {status}: why"):
        scanned(Ecr([page(status)]), IMAGE, print)


def test_it_does_not_wait_for_ever() -> None:
    with pytest.raises(PlatformError, match="is PENDING after -1 s"):
        scanned(Ecr([page("PENDING")]), IMAGE, print, seconds=-1)


def test_critical_findings_stop_it_with_their_list() -> None:
    high = Vulnerability(name="CVE-2026-2", severity="HIGH")
    refuse_critical(IMAGE, [high])
    critical = Vulnerability(name="CVE-2026-1", severity="CRITICAL", package="openssl 3.0.1")
    with pytest.raises(
        UserError, match=r"churn:1\.4\.2 has 1 critical findings:\n  CVE-2026-1 openssl 3\.0\.1"
    ) as caught:
        refuse_critical(IMAGE, [critical, high])
    assert "CVE-2026-2" not in str(caught.value)
