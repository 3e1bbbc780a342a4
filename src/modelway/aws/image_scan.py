"""What ECR's scan-on-push found in an image, and whether that stops it.

Both of ECR's answers are read: basic scanning's `findings` and Inspector's `enhancedFindings`.
Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from modelway.aws.accepted_findings import AcceptedFinding
from modelway.contracts import Image
from modelway.contracts.base import Document
from modelway.errors import PlatformError, UserError

DONE = frozenset({"COMPLETE", "ACTIVE"})
WAITING = frozenset({"IN_PROGRESS", "PENDING"})
BLOCKING = "CRITICAL"
POLL_SECONDS = 5.0
SCAN_SECONDS = 900.0


class ScanAbsent(PlatformError):
    """Raised when nothing scans the repository's images."""


class Vulnerability(Document):
    """One finding: what, where, and what mends it, in words."""

    name: str
    severity: str
    package: str = ""
    fix: str = ""
    uri: str = ""

    @property
    def package_names(self) -> frozenset[str]:
        """The packages that it is in, without their versions."""
        return frozenset(part.split()[0] for part in self.package.split(",") if part.strip())

    def __str__(self) -> str:
        parts = [self.name, self.package, f"({self.fix})" if self.fix else "", self.uri]
        return " ".join(part for part in parts if part)


def scanned(
    client: Any, image: Image, on_progress: Callable[[str], None], *, seconds: float = SCAN_SECONDS
) -> list[Vulnerability]:
    """The findings of `image`, once its scan is complete, worst first.

    Raises ScanAbsent when nothing scans, PlatformError when the scan failed or takes over `seconds`.
    """
    name = image.repository_uri.split("/", 1)[1]
    asked = {"repositoryName": name, "imageId": {"imageDigest": image.digest}}
    deadline = time.monotonic() + seconds
    told = ""
    while True:
        try:
            pages = list(client.get_paginator("describe_image_scan_findings").paginate(**asked))
        except client.exceptions.ScanNotFoundException as error:
            fix = "turn scan_on_push on, as terraform/modules/registry does"
            raise ScanAbsent(f"no scan of {name}@{image.digest[:19]}: {error}", fix=fix) from error
        found = pages[0]["imageScanStatus"]
        status = str(found["status"])
        if status in DONE:
            return sorted((item for page in pages for item in _read(page)), key=lambda item: item.severity != BLOCKING)
        if status not in WAITING:
            raise PlatformError(f"the scan of {name} ended as {status}: {found.get('description', '')}")
        if time.monotonic() > deadline:
            raise PlatformError(f"the scan of {name} is {status} after {seconds:.0f} s", fix="run the job again")
        if status != told:
            on_progress(f"scan of {name}: {status}")
        told = status
        time.sleep(POLL_SECONDS)


def _read(page: dict[str, Any]) -> list[Vulnerability]:
    answered = page.get("imageScanFindings", {})
    return [*map(_basic, answered.get("findings", [])), *map(_enhanced, answered.get("enhancedFindings", []))]


def _basic(found: dict[str, Any]) -> Vulnerability:
    facts = {item["key"]: item.get("value", "") for item in found.get("attributes", [])}
    package = f"{facts.get('package_name', '')} {facts.get('package_version', '')}".strip()
    return Vulnerability(
        name=found.get("name", "unnamed"), severity=found["severity"], package=package, uri=found.get("uri", "")
    )


def _enhanced(found: dict[str, Any]) -> Vulnerability:
    details = found.get("packageVulnerabilityDetails", {})
    packages = details.get("vulnerablePackages", [])
    fixed = {
        item["fixedInVersion"] for item in packages if item.get("fixedInVersion", "NotAvailable") != "NotAvailable"
    }
    return Vulnerability(
        name=details.get("vulnerabilityId") or found.get("title", "unnamed"),
        severity=found["severity"],
        package=", ".join(f"{item['name']} {item['version']}" for item in packages),
        fix=f"fixed in {', '.join(sorted(fixed))}" if fixed else "",
        uri=details.get("sourceUrl", ""),
    )


def model_of(image: Image) -> str:
    """The model whose repository the image is in."""
    return image.repository_uri.rsplit("/", 1)[1]


def refuse_critical(
    image: Image,
    found: list[Vulnerability],
    accepted: Sequence[AcceptedFinding] = (),
    today: dt.date | None = None,
) -> list[AcceptedFinding]:
    """The acceptances that were needed. Raises UserError with the list of critical findings that none covers.

    One that has expired covers nothing more, and is named beside its finding.
    """
    day = today or dt.datetime.now(dt.UTC).date()
    used: list[AcceptedFinding] = []
    refused: list[str] = []
    for item in (one for one in found if one.severity == BLOCKING):
        about = [one for one in accepted if one.covers(item.name, item.package_names, model_of(image))]
        valid = [one for one in about if day < one.expires]
        used += valid[:1]
        if not valid:
            late = "".join(f" (its acceptance expired on {one.expires}: {one.reason})" for one in about)
            refused.append(f"  {item}{late}")
    if refused:
        listed = "\n".join(refused)
        message = f"{image.repository_uri}:{image.version} has {len(refused)} critical findings:\n{listed}"
        raise UserError(message, fix="raise the packages in requirements.in and lock again, or take a newer base image")
    return used


def scan_document(found: list[Vulnerability], accepted: Sequence[AcceptedFinding]) -> str:
    """What is kept of a scan, and signed: its findings, and what was accepted of them."""
    documents = {
        "findings": [item.model_dump(mode="json") for item in found],
        "accepted": [item.model_dump(mode="json") for item in accepted],
    }
    return json.dumps(documents, sort_keys=True)
