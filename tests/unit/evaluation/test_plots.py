"""The PNG of a merge request's note; the report's SVG is in test_report.py."""

from __future__ import annotations

import pytest

from modelway.contracts import ProblemType
from modelway.evaluation.plots import picture
from modelway.evaluation.rows import Rows, read_rows
from tests.unit.evaluation.specs import KINDS, evaluation_of, spec_of


def rows(problem: str) -> Rows:
    return read_rows(spec_of(problem), evaluation_of(problem, noise=0.5), "candidate")


@pytest.mark.parametrize("problem", KINDS)
def test_each_problem_has_a_picture_that_is_the_same_each_time(problem: str) -> None:
    png = picture(ProblemType(problem), rows(problem), "candidate")
    assert png.startswith(b"\x89PNG")
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    assert 300 < width < 1000
    assert 300 < height < 1000
    assert png == picture(ProblemType(problem), rows(problem), "candidate")


def test_a_matrix_that_nobody_could_read_is_not_drawn() -> None:
    many = evaluation_of("multiclass_classification", noise=0.5)
    labels = [f"class {number}" for number in range(31)]
    many = many.model_copy(update={"classes": labels, "labels": labels, "predictions": labels, "scores": []})
    found = read_rows(spec_of("multiclass_classification"), many, "candidate")
    assert picture(ProblemType.MULTICLASS_CLASSIFICATION, found, "candidate") == b""
