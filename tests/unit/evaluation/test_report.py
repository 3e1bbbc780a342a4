from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from modelway.contracts import ContainerEvaluation
from modelway.evaluation import compare
from modelway.evaluation.report import render_html
from tests.unit.evaluation.specs import KINDS, evaluation_of, spec_of

SVG = {
    "RDF",
    "Work",
    "format",
    "type",
    "svg",
    "defs",
    "style",
    "g",
    "path",
    "text",
    "use",
    "image",
    "clipPath",
    "rect",
    "tspan",
    "metadata",
}


def page(problem: str, *, champion: bool = True, **changes: object) -> str:
    spec = spec_of(problem)
    candidate = evaluation_of(problem, noise=0.5).model_copy(update=changes)
    other = evaluation_of(problem, noise=3).model_copy(update=changes) if champion else None
    report, decision = compare(spec, candidate, other, model_version="1.1.0+r0", champion_version="1.0.0+r0")
    return render_html(spec, report, decision, candidate, other)


@pytest.mark.parametrize("problem", KINDS)
@pytest.mark.parametrize("champion", [True, False], ids=["champion", "first"])
def test_every_metric_and_plot_is_there(problem: str, champion: bool) -> None:
    html = page(problem, champion=champion)
    for metric in KINDS[problem]:
        assert metric in html
    expected = {
        "binary_classification": 2 + champion,
        "multiclass_classification": 1 + champion,
        "regression": 1 + champion,
    }
    assert html.count("<svg") == expected[problem]
    for part in html.split("<svg")[1:]:
        ET.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")  # noqa: S314


def test_it_fetches_nothing() -> None:
    html = page("binary_classification")
    assert "<script" not in html
    assert "<link" not in html
    assert "src=" not in html


def test_the_same_input_gives_the_same_page() -> None:
    assert page("regression") == page("regression")


def test_text_from_the_model_is_escaped() -> None:
    classes = ["<b>$x", "y$"]
    truth = [classes[i % 2] for i in range(200)]
    html = page("binary_classification", labels=truth, predictions=truth, classes=classes)
    assert "<b>$x" not in html
    assert "&lt;b&gt;$x" in html


@pytest.mark.attack(
    attacker="code of a model",
    tries="class labels that leave their plot: tags, comments, control signs",
    stopped_by="the plot's writer escapes them, and what is not seen becomes a space",
)
def test_class_labels_stay_in_their_plot() -> None:
    classes = ["</svg><a>", "\x00\x1b\u202e--><"]
    truth = [classes[i % 2] for i in range(200)]
    html = page("binary_classification", labels=truth, predictions=truth, classes=classes)
    for part in html.split("<svg")[1:]:
        plot = ET.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")  # noqa: S314
        assert {element.tag.rpartition("}")[2] for element in plot.iter()} <= SVG
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", html)


def test_a_custom_problem_has_its_metrics_and_no_plot() -> None:
    spec = spec_of("custom", {"cost": {"direction": "lower_is_better", "threshold": 9.0}})
    evaluation = ContainerEvaluation(metrics={"cost": 4.25})
    report, decision = compare(spec, evaluation, None, model_version="1.0.0+r0", champion_version=None)
    html = render_html(spec, report, decision, evaluation, None)
    assert "4.25" in html
    assert "<svg" not in html
