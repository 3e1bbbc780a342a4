from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from modelway.contracts import ContainerEvaluation, Decision, EvaluationReport, ModelSpec, Verdict
from modelway.errors import UserError
from modelway.evaluation import compare
from tests.unit.evaluation.specs import KINDS, evaluation_of, spec_of


def compared(
    spec: ModelSpec, candidate: ContainerEvaluation, champion: ContainerEvaluation | None
) -> tuple[EvaluationReport, Decision]:
    return compare(spec, candidate, champion, model_version="1.1.0+r0", champion_version="1.0.0+r0")


@pytest.mark.parametrize("problem", KINDS)
@pytest.mark.parametrize(
    ("mine", "theirs", "verdict"),
    [(0.5, 4.0, Verdict.BETTER), (4.0, 0.5, Verdict.WORSE), (1.0, 1.0, Verdict.NO_DIFFERENCE)],
    ids=["better", "worse", "same"],
)
def test_the_verdict_follows_the_noise(problem: str, mine: float, theirs: float, verdict: Verdict) -> None:
    report, decision = compared(
        spec_of(problem), evaluation_of(problem, noise=mine), evaluation_of(problem, noise=theirs)
    )
    assert decision.verdict is verdict
    assert decision.accepted is (verdict is not Verdict.WORSE)
    assert [metric.name for metric in report.metrics] == list(KINDS[problem])
    assert all(m.interval and m.difference is not None for m in report.metrics)
    assert all(m.interval.low <= m.difference <= m.interval.high for m in report.metrics)


@pytest.mark.parametrize("problem", KINDS)
def test_without_a_champion_the_first_version_is_accepted(problem: str) -> None:
    report, decision = compared(spec_of(problem), evaluation_of(problem, noise=1), None)
    assert decision.verdict is Verdict.FIRST
    assert decision.accepted
    assert report.champion_version is None


def test_the_same_rows_give_the_same_interval() -> None:
    spec = spec_of("binary_classification")
    mine, theirs = (evaluation_of("binary_classification", noise=noise) for noise in (1.0, 2.0))
    assert compared(spec, mine, theirs) == compared(spec, mine, theirs)


def test_a_miss_of_any_threshold_decides() -> None:
    spec = spec_of("binary_classification", {"roc_auc": {}, "recall": {"threshold": 1.0}})
    mine, theirs = (evaluation_of("binary_classification", noise=noise) for noise in (1.0, 4.0))
    _report, decision = compared(spec, mine, theirs)
    assert decision.verdict is Verdict.BELOW_THRESHOLD
    assert not decision.accepted
    assert "recall" in decision.reasons[0]


def test_a_threshold_of_a_lower_is_better_metric_is_a_most() -> None:
    spec = spec_of("regression", {"rmse": {"threshold": 100.0}})
    assert compared(spec, evaluation_of("regression", noise=1), None)[1].verdict is Verdict.FIRST
    spec = spec_of("regression", {"rmse": {"threshold": 0.001}})
    assert compared(spec, evaluation_of("regression", noise=1), None)[1].verdict is Verdict.BELOW_THRESHOLD


def test_a_thousand_rows_take_less_than_the_time_limit() -> None:
    mine, theirs = (evaluation_of("binary_classification", noise=noise, rows=1000) for noise in (1.0, 2.0))
    compared(spec_of("binary_classification"), mine, theirs)  # imports
    began = time.process_time()
    compared(spec_of("binary_classification"), mine, theirs)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": []}, "no labels"),
        ({"predictions": ["no"]}, "200 labels but 1 predictions"),
        ({"scores": [0.5]}, "200 labels but 1 scores"),
        ({"scores": [1.5] * 200}, "from 0 to 1"),
        ({"scores": []}, "roc_auc of the candidate cannot be computed: evaluation.json has no scores"),
        ({"classes": ["no", "perhaps"]}, "'yes', which is not one of classes"),
        ({"classes": ["no", "yes", "perhaps"]}, "two classes"),
        ({"classes": ["no", "no"]}, "twice"),
        ({"labels": ["no"] * 200}, "one class only"),
        ({"classes": []}, "nobody says which of .* is the positive class"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_unusable_rows_name_the_metric(change: dict[str, object], words: str) -> None:
    candidate = evaluation_of("binary_classification", noise=1).model_copy(update=change)
    with pytest.raises(UserError, match=words) as error:
        compared(spec_of("binary_classification"), candidate, None)
    assert "roc_auc" in error.value.message


@pytest.mark.parametrize(
    ("problem", "change", "metric", "words"),
    [
        ("regression", {"labels": [3.0] * 200}, "r2", "the same target"),
        ("binary_classification", {"labels": ["no"] * 200}, "recall", "no row of the positive class"),
        ("binary_classification", {"labels": ["no"] * 200}, "f1", "no row of the positive class"),
        ("binary_classification", {"labels": ["no"] * 200}, "precision", "no row of the positive class"),
        ("binary_classification", {"predictions": ["no"] * 200}, "precision", "predicted to be of the positive class"),
        ("multiclass_classification", {"labels": ["a"] * 200}, "balanced_accuracy", "one class only"),
        ("multiclass_classification", {"labels": ["a"] * 200}, "f1_macro", "one class only"),
    ],
)
def test_a_metric_that_does_not_exist_says_so(problem: str, change: dict[str, object], metric: str, words: str) -> None:
    candidate = evaluation_of(problem, noise=1).model_copy(update=change)
    with pytest.raises(UserError, match=f"{metric} of the candidate cannot be computed: .*{words}"):
        compared(spec_of(problem, {metric: {}}), candidate, None)


def test_text_where_a_regression_needs_numbers() -> None:
    candidate = ContainerEvaluation(labels=["a", "b"], predictions=[1.0, 2.0])
    with pytest.raises(UserError, match=r"rmse .* labels holds text"):
        compared(spec_of("regression"), candidate, None)


@pytest.mark.parametrize("change", [{"seed": 7}, {"rows": 150}], ids=["other labels", "fewer rows"])
def test_other_rows_cannot_be_compared(change: dict[str, int]) -> None:
    mine = evaluation_of("binary_classification", noise=1)
    theirs = evaluation_of("binary_classification", noise=1, **change)
    report, decision = compared(spec_of("binary_classification"), mine, theirs)
    assert decision.verdict is Verdict.NOT_COMPARABLE
    assert decision.accepted
    assert decision.for_a_person
    assert "same labels in the same order" in decision.reasons[0]
    assert "modelway deploy fraud-detector --version 1.1.0+r0" in decision.reasons[-1]
    assert report.champion_version == "1.0.0+r0"
    assert all(metric.champion is None for metric in report.metrics)


def test_the_class_order_of_a_champion_does_not_matter_beyond_two_classes() -> None:
    mine = evaluation_of("multiclass_classification", noise=1)
    theirs = mine.model_copy(update={"classes": ["c", "a", "b"]})
    report, decision = compared(spec_of("multiclass_classification"), mine, theirs)
    assert decision.verdict is Verdict.NO_DIFFERENCE
    assert all(metric.difference == pytest.approx(0) for metric in report.metrics)


def test_a_binary_champion_with_the_other_positive_class_cannot_be_compared() -> None:
    mine = evaluation_of("binary_classification", noise=1)
    turned = mine.model_copy(update={"classes": ["yes", "no"]})
    assert compared(spec_of("binary_classification"), mine, turned)[1].verdict is Verdict.NOT_COMPARABLE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": []}, "no labels"),
        ({"scores": [1.5] * 200}, "from 0 to 1"),
        ({"classes": ["no", "perhaps"]}, "'yes', which is not one of classes"),
    ],
    ids=["no labels", "no probabilities", "other classes"],
)
def test_a_champion_with_unusable_rows_is_not_comparable(change: dict[str, object], words: str) -> None:
    mine = evaluation_of("binary_classification", noise=1)
    report, decision = compared(spec_of("binary_classification"), mine, mine.model_copy(update=change))
    assert decision.verdict is Verdict.NOT_COMPARABLE
    assert words in report.not_comparable


def test_a_champion_that_could_not_be_scored_is_not_comparable_with_the_reason() -> None:
    report, decision = compare(
        spec_of("regression", {"rmse": {"threshold": 100.0}}),
        evaluation_of("regression", noise=1),
        None,
        model_version="2.0.0+r0",
        champion_version="1.0.0+r0",
        not_comparable="KeyError: 'mean_radius'",
    )
    assert decision.verdict is Verdict.NOT_COMPARABLE
    assert "1.0.0+r0 cannot be compared: KeyError: 'mean_radius'" in decision.reasons[0]
    assert "meets its threshold" in decision.reasons[1]
    assert report.champion_version == "1.0.0+r0"


def test_a_threshold_decides_before_the_champion_that_cannot_be_compared() -> None:
    _report, decision = compare(
        spec_of("regression", {"rmse": {"threshold": 0.001}}),
        evaluation_of("regression", noise=1),
        None,
        model_version="2.0.0+r0",
        champion_version="1.0.0+r0",
        not_comparable="it raised",
    )
    assert decision.verdict is Verdict.BELOW_THRESHOLD


def test_a_small_holdout_hides_no_loss() -> None:
    """Sixty rows on which the candidate is somewhat worse: no proof of a loss, and no proof of none."""
    mine = evaluation_of("binary_classification", noise=2.6, rows=60)
    theirs = evaluation_of("binary_classification", noise=2.0, rows=60)
    spec = spec_of("binary_classification", {"accuracy": {}, "recall": {}})
    _report, decision = compared(spec, mine, theirs)
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert decision.accepted
    assert decision.for_a_person
    assert "may lose more than" in decision.reasons[0]


def test_a_margin_of_the_team_takes_the_place_of_the_default() -> None:
    theirs = evaluation_of("regression", noise=1.0, rows=400)
    errors = np.random.default_rng(9).normal(0, 1.0, 400)
    mine = theirs.model_copy(update={"predictions": (np.asarray(theirs.labels) + errors).tolist()})
    wide, narrow = (spec_of("regression", {"rmse": {"margin": margin}}) for margin in (0.5, 0.0001))
    assert compared(wide, mine, theirs)[1].verdict is Verdict.NO_DIFFERENCE
    assert compared(narrow, mine, theirs)[1].verdict is Verdict.INCONCLUSIVE


def test_equal_classes_without_scores_are_no_proof_on_a_small_holdout() -> None:
    mine = evaluation_of("binary_classification", noise=1, rows=60)
    spec = spec_of("binary_classification", {"accuracy": {}})
    assert compared(spec, mine, mine)[1].verdict is Verdict.NO_DIFFERENCE
    without = mine.model_copy(update={"scores": []})
    assert compared(spec, without, without)[1].verdict is Verdict.INCONCLUSIVE


def test_a_metric_that_the_champion_lacks_is_not_compared_and_says_why() -> None:
    mine = evaluation_of("binary_classification", noise=1)
    never = mine.model_copy(update={"predictions": ["no"] * 200, "scores": [0.1] * 200})
    report, decision = compared(spec_of("binary_classification", {"roc_auc": {}, "precision": {}}), mine, never)
    assert report.metrics[1].not_compared == "of the champion, no row is predicted to be of the positive class"
    assert decision.verdict is Verdict.INCONCLUSIVE
    assert decision.reasons[0].startswith("precision")


def test_a_champion_without_scores_is_compared_on_the_rest() -> None:
    mine = evaluation_of("binary_classification", noise=0.5)
    theirs = evaluation_of("binary_classification", noise=4).model_copy(update={"scores": []})
    report, decision = compared(spec_of("binary_classification"), mine, theirs)
    by_name = {metric.name: metric for metric in report.metrics}
    assert by_name["roc_auc"].champion is None
    assert by_name["roc_auc"].not_compared == "of the champion, evaluation.json has no scores"
    assert by_name["accuracy"].champion is not None
    assert decision.verdict is Verdict.INCONCLUSIVE


CUSTOM = {
    "cost": {"direction": "lower_is_better", "min_change": 1.0},
    "reach": {"direction": "higher_is_better"},
}


@pytest.mark.parametrize(
    ("mine", "theirs", "verdict"),
    [
        ({"cost": 5.0, "reach": 1.0}, {"cost": 9.0, "reach": 1.0}, Verdict.BETTER),
        ({"cost": 9.0, "reach": 1.0}, {"cost": 5.0, "reach": 1.0}, Verdict.WORSE),
        ({"cost": 9.0, "reach": 1.0}, {"cost": 9.5, "reach": 1.0}, Verdict.NO_DIFFERENCE),
        ({"cost": 5.0, "reach": 0.9}, {"cost": 9.0, "reach": 1.0}, Verdict.WORSE),
        ({"cost": 5.0, "reach": 0.9}, {"reach": 0.9}, Verdict.INCONCLUSIVE),
        ({"cost": 5.0, "reach": 0.9}, {"other": 0.9}, Verdict.NOT_COMPARABLE),
    ],
    ids=["better", "worse", "below min_change", "a guard is worse", "primary not reported", "nothing reported"],
)
def test_custom_metrics_are_taken_as_given(mine: dict[str, float], theirs: dict[str, float], verdict: Verdict) -> None:
    _report, decision = compared(
        spec_of("custom", CUSTOM), ContainerEvaluation(metrics=mine), ContainerEvaluation(metrics=theirs)
    )
    assert decision.verdict is verdict


def test_a_missing_custom_metric_is_named() -> None:
    with pytest.raises(UserError, match=r"metric reach is missing .*given: cost"):
        compared(spec_of("custom", CUSTOM), ContainerEvaluation(metrics={"cost": 1.0}), None)


def test_importing_the_comparison_imports_nothing_heavy() -> None:
    heavy = {"numpy", "scipy", "sklearn", "matplotlib"}
    program = f"import sys, modelway.evaluation; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
