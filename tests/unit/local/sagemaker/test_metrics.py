"""A metric is the last value that the log gives it; an expression never costs the job anything."""

from __future__ import annotations

import time

import pytest
from modelway_local.sagemaker.metrics import PATIENCE, Metrics


@pytest.mark.parametrize(
    ("regex", "lines", "value"),
    [
        pytest.param("loss=([0-9.]+)", ["loss=0.5", "loss=0.25", "done"], 0.25, id="the last match"),
        pytest.param("loss=([0-9.]+)", [" 1/3 loss=4\r 2/3 loss=3\r 3/3 loss=2"], 2.0, id="a progress bar"),
        pytest.param("loss=([0-9.e-]+)", ["epoch 1 loss=1e-3 seconds=2"], 0.001, id="inside a line"),
        pytest.param("loss=(.*)", ["loss=low"], None, id="no number"),
        pytest.param("loss=(.*)", ["loss=0.5", "loss=low"], 0.5, id="the last number"),
        pytest.param("loss=(.*)|x", ["x"], None, id="a group that takes no part"),
        pytest.param("loss=[0-9.]+", ["loss=0.5"], None, id="no group"),
        pytest.param("loss=([0-9.]+)", ["gain=1"], None, id="no match"),
        pytest.param("loss=(.*)", ["loss=nan"], None, id="not a number"),
        pytest.param("loss=(.*)", [], None, id="no log"),
        pytest.param("loss=([0-9.]+", ["loss=0.5"], None, id="does not compile"),
        pytest.param("loss=([0-9.]+)", ["\x00\ufffd\x07" * 100, "loss=1"], 1.0, id="binary"),
    ],
)
def test_the_value(regex: str, lines: list[str], value: float | None) -> None:
    metrics = Metrics([{"Name": "loss", "Regex": regex}], lambda text: None)
    for line in lines:
        metrics.line(line)
    assert [metric["Value"] for metric in metrics.final()] == ([] if value is None else [value])


def test_an_expression_that_runs_away_is_given_up_and_the_others_go_on() -> None:
    said: list[str] = []
    definitions = [{"Name": "away", "Regex": "(a|aa)+$"}, {"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    metrics = Metrics(definitions, said.append)
    began = time.monotonic()
    for _ in range(PATIENCE + 20):
        metrics.line(f"{'a' * 41}! loss=0.5")
    assert time.monotonic() - began < 20, "without the limit one line takes hours"
    assert [metric["MetricName"] for metric in metrics.final()] == ["loss"]
    assert said == ["the regular expression of metric away runs away; it is not looked for any more"]
