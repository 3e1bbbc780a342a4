from __future__ import annotations

import numpy as np

from modelway.evaluation.intervals import difference_intervals
from modelway.evaluation.rows import Rows


def accuracy_rows(hits: np.ndarray) -> Rows:
    truth = np.ones(len(hits))
    return Rows(truth, np.where(hits, 1.0, 0.0), None, (0, 1))


def test_it_covers_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(60):
        hard = rng.random(150)
        mine, theirs = accuracy_rows(hard < 0.85), accuracy_rows(hard < 0.80)
        interval = difference_intervals(["accuracy"], mine, theirs)["accuracy"]
        covered += interval.low <= 0.05 <= interval.high
    assert covered >= 50


def test_pairing_makes_it_narrower_than_unpaired_rows_would() -> None:
    rng = np.random.default_rng(4)
    hard = rng.random(300)
    paired = difference_intervals(["accuracy"], accuracy_rows(hard < 0.85), accuracy_rows(hard < 0.80))["accuracy"]
    apart = difference_intervals(["accuracy"], accuracy_rows(hard < 0.85), accuracy_rows(rng.permutation(hard) < 0.80))[
        "accuracy"
    ]
    assert paired.high - paired.low < 0.7 * (apart.high - apart.low)


def test_one_row_has_no_interval() -> None:
    one = accuracy_rows(np.array([True]))
    assert difference_intervals(["accuracy"], one, one) == {}
