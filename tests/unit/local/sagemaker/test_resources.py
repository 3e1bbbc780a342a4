"""Listings: filters, order, pages; and tags."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from modelway_local.gateway.errors import AwsError
from modelway_local.sagemaker.resources import Tags, arn, page
from modelway_local.sagemaker.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
JOBS = [
    {"Name": f"Job-{letter}", "Status": status, "CreationTime": START + timedelta(hours=hour)}
    for letter, status, hour in (("a", "Failed", 2), ("b", "Completed", 0), ("c", "Completed", 1))
]


def names(order: str = "Ascending", **request: Any) -> str:
    """Last letters of the names on the page, in order."""
    found, _ = page(
        JOBS, request, name_field="Name", status_field="Status", order=order, summary=lambda r: {"N": r["Name"]}
    )
    return "".join(item["N"][-1] for item in found)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param({}, "bca", id="by time"),
        pytest.param({"SortOrder": "Descending"}, "acb", id="newest first"),
        pytest.param({"SortBy": "Name"}, "abc", id="by name"),
        pytest.param({"SortBy": "Status"}, "bca", id="by status, then name"),
        pytest.param({"NameContains": "JOB-B"}, "b", id="part of a name, in any case"),
        pytest.param({"StatusEquals": "Completed"}, "bc", id="status"),
        pytest.param({"CreationTimeAfter": (START + timedelta(minutes=30)).timestamp()}, "ca", id="after"),
        pytest.param({"CreationTimeBefore": (START + timedelta(minutes=30)).timestamp()}, "b", id="before"),
        pytest.param({"LastModifiedTimeAfter": START.timestamp()}, "ca", id="never modified: since it was made"),
    ],
)
def test_a_listing_is_filtered_and_in_order(request_: dict[str, Any], expected: str) -> None:
    assert names(**request_) == expected


def test_the_operation_has_its_own_order() -> None:
    assert names("Descending") == "acb"


def test_pages_follow_each_other_to_the_end() -> None:
    seen, token, pages = "", None, 0
    while pages == 0 or token:
        request = {"MaxResults": 2, **({"NextToken": token} if token else {})}
        found, token = page(JOBS, request, name_field="Name", order="Ascending", summary=lambda r: r)
        seen += "".join(item["Name"][-1] for item in found)
        pages += 1
    assert (seen, pages) == ("bca", 2)


def test_a_full_last_page_has_no_token() -> None:
    assert page(JOBS, {"MaxResults": 3}, name_field="Name", summary=lambda r: r)[1] is None


@pytest.mark.parametrize("token", ["nonsense!", "bm90IGEgbnVtYmVy", "ü"])
def test_a_token_of_nobody_is_refused(token: str) -> None:
    with pytest.raises(AwsError, match="NextToken"):
        names(NextToken=token)


def test_tags_are_added_overwritten_removed_and_forgotten(tmp_path: Path) -> None:
    tags = Tags(Store(tmp_path))
    name = arn("model", "m")
    tags.set(name, [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])
    assert tags.set(name, [{"Key": "b", "Value": "2"}]) == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    tags.remove(name, ["a", "absent"])
    assert tags.of(name) == [{"Key": "b", "Value": "2"}]
    tags.forget(name)
    assert tags.of(name) == []
