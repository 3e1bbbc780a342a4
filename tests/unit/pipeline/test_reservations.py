"""A retraining number belongs to one training, however many ask at once and wherever one of them dies."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelway.errors import PlatformError
from modelway.pipeline import reservations
from modelway.pipeline.reservations import reserve
from modelway.versioning import locations
from tests.unit.deployment.fake_sagemaker import Texts


class Bucket(Texts):
    """The bucket, which may die at its nth write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes_left: int | None = None

    def _write(self) -> None:
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                raise KeyboardInterrupt

    def put(self, key: str, text: str) -> None:
        self._write()
        super().put(key, text)

    def put_new(self, key: str, text: str) -> bool:
        self._write()
        return super().put_new(key, text)


def number(bucket: Texts, content: str, version: str = "1.0.0") -> int:
    return reserve(bucket, "fraud", version, content)


def test_numbers_count_up_within_one_image_version() -> None:
    bucket = Bucket()
    assert [number(bucket, content) for content in "abc"] == [0, 1, 2]
    assert number(bucket, "a", "1.0.1") == 0


@pytest.mark.attack(
    attacker="author of a model repo",
    tries="starts twenty trainings at once, so that one takes the version of another",
    stopped_by="a retraining number is reserved by a create-only write, not counted",
)
def test_twenty_at_once_have_twenty_numbers() -> None:
    bucket, start = Bucket(), threading.Barrier(20)

    def one(content: int) -> int:
        start.wait()
        return number(bucket, str(content))

    with ThreadPoolExecutor(20) as pool:
        numbers = list(pool.map(one, range(20)))
    assert sorted(numbers) == list(range(20))
    assert [number(bucket, str(content)) for content in range(20)] == numbers


@pytest.mark.parametrize("writes", range(4))
def test_a_try_after_one_that_died_finds_its_number(writes: int) -> None:
    """Wherever the first died, the second neither takes another number nor leaves a gap."""
    bucket = Bucket()
    assert number(bucket, "earlier") == 0
    bucket.writes_left = writes
    if writes < 3:
        with pytest.raises(KeyboardInterrupt):
            number(bucket, "a")
    else:
        assert number(bucket, "a") == 1
    bucket.writes_left = None
    assert number(bucket, "a") == 1
    assert number(bucket, "b") == 2
    assert number(bucket, "a") == 1


def test_a_number_that_another_is_writing_at_this_moment_is_asked_for_again() -> None:
    """S3 answers 409 to one of two, and the other may fail after all."""

    class Busy(Bucket):
        refused = 1

        def put_new(self, key: str, text: str) -> bool:
            if self.refused:
                self.refused -= 1
                return False
            return super().put_new(key, text)

    assert number(Busy(), "a") == 0


def test_it_does_not_try_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservations, "TRIES", 2)
    bucket = Bucket()
    for taken in range(3):
        bucket.put(locations.reservation_key("fraud", "1.0.0", taken), "another")
    with pytest.raises(PlatformError, match="no retraining number was free in 2 tries"):
        number(bucket, "a")
