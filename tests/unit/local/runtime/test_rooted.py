"""Who a container of an image with a base runs as; running it is in tests/container."""

from __future__ import annotations

import pytest
from modelway_local.runtime.rooted import numbers

PASSWD = "root:x:0:0:root:/root:/bin/sh\nmodel:x:1234:55::/home/model:/bin/sh\nbroken\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("10001:10002", (10001, 10002)),
        ("10001", (10001, 0)),
        ("", (0, 0)),
        ("root", (0, 0)),
        ("model", (1234, 55)),
        ("1234", (1234, 55)),
        ("model:7", (1234, 7)),
    ],
)
def test_a_user_is_numbers(user: str, expected: tuple[int, int]) -> None:
    assert numbers(user, PASSWD) == expected


def test_a_name_that_the_image_does_not_know_is_refused() -> None:
    with pytest.raises(OSError, match="'somebody' is not in its /etc/passwd"):
        numbers("somebody", PASSWD)
