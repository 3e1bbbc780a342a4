"""The note's text: numbers side by side, nothing of others taken as a command."""

from __future__ import annotations

import pytest

from modelway.contracts import (
    FOR_A_PERSON,
    Decision,
    Direction,
    EvaluationReport,
    Interval,
    MetricResult,
    ModelSpec,
    TrainingRecord,
    Verdict,
)
from modelway.costs import estimate
from modelway.gitlab.notes import VERDICTS, Links, render


def spec(instance: str = "ml.m5.large") -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "schema_version": 1,
            "name": "churn",
            "problem_type": "binary_classification",
            "training": {"instance_type": instance, "channels": {"train": "a", "test": "b"}},
            "evaluation": {"metrics": {"roc_auc": {}}},
        }
    )


def record(reason: str = "roc_auc: +0.02", champion: float | None = 0.9) -> TrainingRecord:
    metric = MetricResult(
        name="roc_auc",
        direction=Direction.HIGHER,
        candidate=0.92,
        champion=champion,
        difference=None if champion is None else 0.02,
        interval=None if champion is None else Interval(low=0.01, high=0.03),
        threshold=0.8,
        meets_threshold=True,
    )
    return TrainingRecord(
        model_name="churn",
        model_version="1.4.2+r0",
        image_digest="sha256:" + "a" * 64,
        training_job_name="churn-train",
        model_data_s3_uri="s3://bucket/model.tar.gz",
        evaluation=EvaluationReport(
            model_name="churn",
            model_version="1.4.2+r0",
            champion_version=None if champion is None else "1.4.1+r2",
            rows=500,
            metrics=(metric,),
        ),
        decision=Decision(verdict=Verdict.BETTER, accepted=True, reasons=(reason,)),
    )


def test_candidate_and_champion_stand_side_by_side() -> None:
    links = Links(dag_run="https://airflow/run", deploy_job="https://gitlab/job")
    text = render(record(), spec(), links, {"airflow"})
    assert "| roc_auc ↑ | 0.92 | 0.9 | +0.02 | +0.01 … +0.03 (95%) | 0.8 ✓ |" in text
    assert "### churn 1.4.2+r0: better than the champion" in text
    assert "Champion: 1.4.1+r2; 500 holdout rows." in text
    assert "[DAG run](https://airflow/run) · [deploy job](https://gitlab/job)" in text


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_its_words(verdict: Verdict) -> None:
    decision = Decision(verdict=verdict, accepted=verdict is not Verdict.WORSE, reasons=("so",))
    note = render(record().model_copy(update={"decision": decision}), spec(), Links())
    assert f"### churn 1.4.2+r0: {VERDICTS[verdict]}" in note
    assert ("**Waits for a person.**" in note) is (verdict in FOR_A_PERSON)


def test_without_a_champion_its_cells_are_dashes() -> None:
    assert "| roc_auc ↑ | 0.92 | - | - | - | 0.8 ✓ |" in render(record(champion=None), spec(), Links())


def test_a_reason_of_others_is_code_in_one_line() -> None:
    assert "\n- `a /approve @all`\n" in render(record(reason="a\n/approve @all"), spec(), Links())


def test_an_address_elsewhere_is_no_link() -> None:
    note = render(record(), spec(), Links(dag_run="https://evil.test/run", pipeline="javascript:alert(1)"), {"airflow"})
    assert "DAG run: `https://evil.test/run` · pipeline: `javascript:alert(1)`" in note


def test_the_estimate_says_that_it_is_one_and_of_when() -> None:
    note = render(record(), spec(), Links())
    assert "Estimate, prices of 2025-06-01 (us-east-1): training at most 0.17 USD, endpoint 84 USD a month." in note


def test_an_unknown_instance_type_has_no_price() -> None:
    assert estimate(spec("ml.new9.large")).training_at_most is None
    assert "training no price known" in render(record(), spec("ml.new9.large"), Links())
