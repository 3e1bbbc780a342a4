"""A critical finding is accepted by a line with a reason, for these models, until a day."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from modelway.aws.accepted_findings import ACCEPTED_FINDINGS, AcceptedFinding, read_accepted
from modelway.aws.image_scan import Vulnerability, refuse_critical, scan_document
from modelway.contracts import Image
from modelway.errors import PlatformError, UserError
from modelway.shipped import shipped

IMAGE = Image(repository_uri="host/modelway/churn", version="1.4.2", digest="sha256:" + "a" * 64)
FINDING = Vulnerability(name="CVE-2026-1", severity="CRITICAL", package="openssl 3.0.1")
LINE = {
    "finding": "CVE-2026-1",
    "package": "openssl",
    "models": ["churn"],
    "reason": "the function is not called",
    "expires": "2026-03-15",
}
BEFORE, DAY = dt.date(2026, 3, 14), dt.date(2026, 3, 15)


def line(**changes: object) -> AcceptedFinding:
    return AcceptedFinding.model_validate({**LINE, **changes})


def test_an_accepted_finding_stops_nothing_and_is_kept_with_the_scan() -> None:
    used = refuse_critical(IMAGE, [FINDING], [line()], BEFORE)
    assert used == [line()]
    assert refuse_critical(IMAGE, [FINDING], [line(models=["*"])], BEFORE)
    kept = json.loads(scan_document([FINDING], used))
    assert kept["accepted"][0]["reason"] == LINE["reason"]
    assert kept["findings"][0]["name"] == "CVE-2026-1"


@pytest.mark.parametrize(
    "other",
    [
        line(finding="CVE-2026-2"),
        line(package="zlib"),
        line(models=["demand"]),
    ],
    ids=["another finding", "another package", "another model"],
)
def test_it_accepts_nothing_else(other: AcceptedFinding) -> None:
    with pytest.raises(UserError, match="1 critical findings"):
        refuse_critical(IMAGE, [FINDING], [other], BEFORE)


def test_a_finding_in_a_second_package_is_not_covered() -> None:
    both = FINDING.model_copy(update={"package": "openssl 3.0.1, libssl 3.0.1"})
    with pytest.raises(UserError, match="1 critical findings"):
        refuse_critical(IMAGE, [both], [line()], BEFORE)


def test_from_its_day_on_it_fails_again_by_name() -> None:
    with pytest.raises(UserError, match=r"CVE-2026-1.*expired on 2026-03-15: the function is not called"):
        refuse_critical(IMAGE, [FINDING], [line()], DAY)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("findings: [", "cannot be read"),
        ("- a", "the file: "),
        ("findings: 3", "findings: "),
        ("findings: [{finding: CVE-1}]", "findings.0.reason: Field required"),
        (f"findings: [{json.dumps({**LINE, 'expires': 'never'})}]", "findings.0.expires: "),
        (f"findings: [{json.dumps({**LINE, 'reason': 'ok'})}]", "findings.0.reason: "),
        (f"findings: [{json.dumps({**LINE, 'until': 'x'})}]", "findings.0.until: "),
    ],
)
def test_a_file_that_is_wrong_is_named_with_the_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "accepted.yaml"
    path.write_text(text)
    with pytest.raises(PlatformError) as caught:
        read_accepted(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message


def test_the_platforms_own_file_is_read(tmp_path: Path) -> None:
    assert shipped(ACCEPTED_FINDINGS).exists()
    read_accepted(shipped(ACCEPTED_FINDINGS))
    assert read_accepted(tmp_path / "absent.yaml") == ()
    path = tmp_path / "accepted.yaml"
    path.write_text(f"findings: [{json.dumps(LINE)}]")
    assert read_accepted(path) == (line(),)
