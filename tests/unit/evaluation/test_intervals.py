from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from modelway.contracts import Interval
from modelway.evaluation.intervals import Differences, difference_intervals
from modelway.evaluation.metrics import why_missing
from modelway.evaluation.rows import Rows, read_rows
from tests.unit.evaluation.specs import KINDS, evaluation_of, spec_of


def accuracy_rows(hits: np.ndarray) -> Rows:
    truth = np.ones(len(hits))
    return Rows(truth, np.where(hits, 1.0, 0.0), None, (0, 1))


def accuracy_interval(mine: Rows, theirs: Rows) -> Interval:
    return difference_intervals(["accuracy"], mine, theirs).intervals["accuracy"]


def test_it_covers_the_true_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(60):
        hard = rng.random(150)
        mine, theirs = accuracy_rows(hard < 0.85), accuracy_rows(hard < 0.80)
        interval = difference_intervals(["accuracy"], mine, theirs).intervals["accuracy"]
        covered += interval.low <= 0.05 <= interval.high
    assert covered >= 50


def test_pairing_makes_it_narrower_than_unpaired_rows_would() -> None:
    rng = np.random.default_rng(4)
    hard = rng.random(300)
    paired = accuracy_interval(accuracy_rows(hard < 0.85), accuracy_rows(hard < 0.80))
    apart = accuracy_interval(accuracy_rows(hard < 0.85), accuracy_rows(rng.permutation(hard) < 0.80))
    assert paired.high - paired.low < 0.7 * (apart.high - apart.low)


def test_one_row_has_no_interval() -> None:
    one = accuracy_rows(np.array([True]))
    differences = difference_intervals(["accuracy"], one, one)
    assert differences.intervals == {}
    assert "one row" in differences.without["accuracy"]


def test_no_metric_to_compare_gives_nothing() -> None:
    rows = accuracy_rows(np.ones(5, dtype=bool))
    assert difference_intervals([], rows, rows) == Differences()


# The oracles: McNemar's exact test for a difference of accuracies, DeLong's variance for one of areas.


@settings(max_examples=60, deadline=None)
@given(gains=st.integers(0, 25), losses=st.integers(0, 25), rest=st.integers(20, 200))
def test_better_in_accuracy_is_never_said_where_mcnemar_does_not(gains: int, losses: int, rest: int) -> None:
    mine = accuracy_rows(np.repeat([True, False, True], [gains, losses, rest]))
    theirs = accuracy_rows(np.repeat([False, True, True], [gains, losses, rest]))
    interval = accuracy_interval(mine, theirs)
    exact = binomtest(gains, gains + losses).pvalue if gains + losses else 1.0
    if interval.low > 0 or interval.high < 0:
        # The mid-p form, since the exact test's p is too large by design (Fagerland, Lydersen and Laake 2013).
        # Over all gains and losses below 26, with 20, 110, 191 and 200 rows beside them, the largest is 0.043.
        assert exact - binom.pmf(gains, gains + losses, 0.5) <= 0.05
    if exact < 0.005:
        assert (interval.low > 0) if gains > losses else (interval.high < 0)


def test_the_accuracy_interval_is_the_score_interval_of_paired_shares() -> None:
    gains, losses, count = 30, 18, 600
    mine = accuracy_rows(np.repeat([True, False, True], [gains, losses, count - gains - losses]))
    theirs = accuracy_rows(np.repeat([False, True, True], [gains, losses, count - gains - losses]))
    interval = accuracy_interval(mine, theirs)
    reach = 1.96 * np.sqrt(gains + losses + 3.84) / count  # Wald's, with z squared rows more that tell the models apart
    assert interval.low == pytest.approx((gains - losses) / count - reach, abs=0.003)
    assert interval.high == pytest.approx((gains - losses) / count + reach, abs=0.003)


def delong(truth: np.ndarray, mine: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Difference of two areas and its standard error (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837)."""
    placements = []
    for scores in (mine, theirs):
        positive, negative = scores[truth == 1], scores[truth == 0]
        wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    by_positive, by_negative = (placements[0][side] - placements[1][side] for side in (0, 1))
    variance = by_positive.var(ddof=1) / len(by_positive) + by_negative.var(ddof=1) / len(by_negative)
    return float(by_positive.mean()), float(np.sqrt(variance))


@pytest.mark.parametrize(("seed", "share"), [(0, 0.5), (1, 0.2), (2, 0.5), (3, 0.1)])
def test_the_interval_of_roc_auc_is_delongs(seed: int, share: float) -> None:
    rng, count = np.random.default_rng(seed), 800
    truth = (rng.random(count) < share).astype(float)
    shared = truth + rng.normal(0, 0.6, count)
    # The candidate spreads its scores ten times as wide: their order alone counts.
    scores = [
        1 / (1 + np.exp(-wide * (shared + rng.normal(0, noise, count)))) for wide, noise in ((5, 0.5), (0.5, 0.7))
    ]
    mine, theirs = (Rows(truth, (score > 0.5).astype(float), score, (0, 1)) for score in scores)
    interval = difference_intervals(["roc_auc"], mine, theirs).intervals["roc_auc"]
    difference, error = delong(truth, scores[0], scores[1])
    assert (interval.low + interval.high) / 2 == pytest.approx(difference, abs=0.3 * error)
    assert 0.9 < (interval.high - interval.low) / (2 * 1.96 * error) < 1.25


def test_what_no_row_has_shown_is_not_ruled_out() -> None:
    all_right = accuracy_rows(np.ones(50, dtype=bool))
    assert accuracy_interval(all_right, all_right).low == pytest.approx(-3.84 / 50, abs=1e-3)
    same = difference_intervals(["accuracy"], all_right, all_right, same_outputs=True).intervals["accuracy"]
    assert (same.low, same.high) == (0, 0)
    # Both models part the classes: nothing to resample, and still no proof from five positive rows.
    truth = np.repeat([1.0, 0.0], [5, 95])
    scores = (np.where(truth == 1, 0.9, 0.1), np.where(truth == 1, 0.8, 0.2))
    mine, theirs = (Rows(truth, truth, score, (0, 1)) for score in scores)
    assert difference_intervals(["roc_auc"], mine, theirs).intervals["roc_auc"].low < -0.5


@pytest.mark.parametrize(("positives", "compared"), [(3, False), (5, True)])
def test_resamples_without_the_metric_are_counted_and_bounded(positives: int, compared: bool) -> None:
    truth = np.repeat([1.0, 0.0], [positives, 100 - positives])
    rng = np.random.default_rng(5)
    mine, theirs = (Rows(truth, truth, rng.random(100), (0, 1)) for _ in range(2))
    differences = difference_intervals(["recall", "roc_auc", "accuracy"], mine, theirs)
    expected = (1 - positives / 100) ** 100
    assert "accuracy" in differences.intervals
    for metric in ("recall", "roc_auc"):
        if compared:
            assert differences.intervals[metric].undefined == pytest.approx(expected, abs=0.005)
            assert differences.intervals[metric].undefined > 0
            assert np.isfinite([differences.intervals[metric].low, differences.intervals[metric].high]).all()
        else:
            assert "does not exist" in differences.without[metric]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(10, 80))
@pytest.mark.parametrize("problem", KINDS)
def test_swapped_models_give_the_mirrored_interval(problem: str, seed: int, count: int) -> None:
    one, other = (
        read_rows(spec_of(problem), evaluation_of(problem, noise=noise, rows=count, seed=seed), "candidate")
        for noise in (1.0, 2.0)
    )
    metrics = [metric for metric in KINDS[problem] if not (why_missing(metric, one) or why_missing(metric, other))]
    there = difference_intervals(metrics, one, other, resamples=50)
    back = difference_intervals(metrics, other, one, resamples=50)
    assert there.without == back.without
    for metric, interval in there.intervals.items():
        mirrored = back.intervals[metric]
        assert (interval.low, interval.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), constant=st.floats(-1000, 1000))
def test_a_constant_added_to_target_and_predictions_changes_nothing(seed: int, constant: float) -> None:
    one, other = (evaluation_of("regression", noise=noise, rows=40, seed=seed) for noise in (1.0, 2.0))
    moved = [
        evaluation.model_copy(
            update={
                "labels": [value + constant for value in evaluation.labels],  # type: ignore[operator]
                "predictions": [value + constant for value in evaluation.predictions],  # type: ignore[operator]
            }
        )
        for evaluation in (one, other)
    ]
    spec, metrics = spec_of("regression"), list(KINDS["regression"])
    plain, shifted = (
        difference_intervals(metrics, *(read_rows(spec, each, "candidate") for each in pair), resamples=50).intervals
        for pair in ((one, other), moved)
    )
    for metric in metrics:
        assert plain[metric].low == pytest.approx(shifted[metric].low, abs=1e-6)
        assert plain[metric].high == pytest.approx(shifted[metric].high, abs=1e-6)


def test_thousands_of_classes_take_seconds() -> None:
    rng, count, classes = np.random.default_rng(6), 10_000, 5_000
    truth = rng.integers(0, classes, count).astype(float)
    mine, theirs = (
        Rows(
            truth,
            np.where(rng.random(count) < right, truth, rng.integers(0, classes, count)),
            None,
            tuple(range(classes)),
        )
        for right in (0.8, 0.7)
    )
    began = time.process_time()
    differences = difference_intervals(list(KINDS["multiclass_classification"]), mine, theirs)
    assert time.process_time() - began < 10
    assert all(interval.low > 0 for metric, interval in differences.intervals.items() if metric == "accuracy")
    assert set(differences.intervals) == set(KINDS["multiclass_classification"])
