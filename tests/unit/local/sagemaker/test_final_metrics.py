"""FinalMetricDataList is what the log's last match says."""

from __future__ import annotations

import pytest
from modelway_local.sagemaker.jobs import final_metrics


@pytest.mark.parametrize(
    ("regex", "lines", "value"),
    [
        pytest.param("loss=([0-9.]+)", ["loss=0.5", "loss=0.25", "done"], 0.25, id="the last match"),
        pytest.param("loss=([0-9.e-]+)", ["epoch 1 loss=1e-3 seconds=2"], 0.001, id="inside a line"),
        pytest.param("loss=(.*)", ["loss=low"], None, id="no number"),
        pytest.param("loss=[0-9.]+", ["loss=0.5"], None, id="no group"),
        pytest.param("loss=([0-9.]+)", ["gain=1"], None, id="no match"),
        pytest.param("loss=(.*)", ["loss=nan"], None, id="not a number"),
        pytest.param("loss=(.*)", [], None, id="no log"),
    ],
)
def test_the_value(regex: str, lines: list[str], value: float | None) -> None:
    found = final_metrics([{"Name": "loss", "Regex": regex}], lines)
    assert [metric["Value"] for metric in found] == ([] if value is None else [value])
