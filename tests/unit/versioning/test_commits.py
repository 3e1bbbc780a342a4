"""Which bump a commit's message asks for."""

from __future__ import annotations

import pytest

from modelway.versioning.commits import Bump, bump_of, subject

MERGE = "Merge branch 'feat/x' into 'main'\n\n{}\n\nSee merge request group/model!7"


@pytest.mark.parametrize(
    ("message", "bump"),
    [
        ("feat: new scorer\n\nBREAKING CHANGE: scores are now 0..100", Bump.MAJOR),
        ("fix: scorer\n\nSome words.\n\nBREAKING-CHANGE: scores are now 0..100", Bump.MAJOR),
        ("refactor(api)!: drop a column", Bump.MAJOR),
        ("breaking changes documented in the README", None),
        ("docs: why\n\nThis is no breaking change: nothing moved.", None),
        ("docs: why\n\nbreaking change: in lower case this is prose", None),
        ("FEAT: the type's case does not matter", Bump.MINOR),
        ("feature creep", None),
        ("feat:no space is no header", None),
        (MERGE.format("feat: add scorer"), Bump.MINOR),
        (MERGE.format("feat!: another scorer"), Bump.MAJOR),
        (MERGE.format("Tidy up"), None),
        ("", None),
        ("\n\n", None),
    ],
)
def test_the_bump_that_a_message_asks_for(message: str, bump: Bump | None) -> None:
    asked = bump_of(message)

    assert (asked[0] if asked else None) == bump


def test_the_reason_names_what_a_person_wrote() -> None:
    assert subject(MERGE.format("feat: add scorer")) == "feat: add scorer"
    assert bump_of(MERGE.format("feat: add scorer")) == (
        Bump.MINOR,
        "the commit says it is a feature: 'feat: add scorer'",
    )
