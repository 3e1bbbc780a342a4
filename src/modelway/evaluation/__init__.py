"""Metrics of a candidate, its comparison with the champion, and the report that people read."""

from modelway.evaluation.comparison import compare
from modelway.evaluation.container_output import read_container_evaluation

__all__ = ["compare", "read_container_evaluation"]
