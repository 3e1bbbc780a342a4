"""Metrics that a training job prints: the last value of each, read line by line.

`regex` stands in for `re`, whose language it speaks, because it can be given a time limit and lets other threads run
meanwhile: an expression that runs away costs its own value, never the job or the stack.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import regex

from modelway_local.sagemaker.store import now

LINE_SECONDS = 0.2
# After so many lines on which it ran out of time an expression is not tried again.
PATIENCE = 3


class Metrics:
    """The metric definitions of one job, fed with its output."""

    def __init__(self, definitions: Iterable[dict[str, str]], say: Callable[[str], None]) -> None:
        """`say` is told once of each expression that cannot be used. Raises nothing for one."""
        self._say = say
        self._patterns: dict[str, regex.Pattern[str]] = {}
        self._late: dict[str, int] = {}
        self._last: dict[str, tuple[float, datetime]] = {}
        for definition in definitions:
            self._compile(definition["Name"], definition["Regex"])

    def _compile(self, name: str, expression: str) -> None:
        try:
            pattern = regex.compile(expression)
        except regex.error as error:
            self._say(f"the regular expression of metric {name} does not compile: {error}")
            return
        if pattern.groups:
            self._patterns[name] = pattern

    def line(self, text: str) -> None:
        """Look for every metric in a line; the last match of the last line with one is its value."""
        for name, pattern in list(self._patterns.items()):
            try:
                for match in pattern.finditer(text, timeout=LINE_SECONDS, concurrent=True):
                    self._keep(name, match.group(1))
            except TimeoutError:
                self._late[name] = self._late.get(name, 0) + 1
                if self._late[name] >= PATIENCE:
                    del self._patterns[name]
                    self._say(f"the regular expression of metric {name} runs away; it is not looked for any more")

    def _keep(self, name: str, text: str | None) -> None:
        try:
            value = float(text or "")
        except ValueError:
            return
        if math.isfinite(value):
            self._last[name] = (value, now())

    def final(self) -> list[dict[str, Any]]:
        """FinalMetricDataList."""
        return [{"MetricName": name, "Value": value, "Timestamp": at} for name, (value, at) in self._last.items()]
