from __future__ import annotations

import pytest

from modelway.errors import UserError
from modelway.evaluation import read_container_evaluation


def test_it_reads_what_the_container_wrote() -> None:
    evaluation = read_container_evaluation('{"schema_version": 1, "labels": [1, "a"], "predictions": [1, 0.5]}')
    assert evaluation.labels == [1, "a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"metrics": {"cost": NaN}}', "metrics.cost is nan"),
        ('{"metrics": {"cost": "low"}}', "metrics.cost"),
        ('{"labels": [1, Infinity]}', "labels.1 is inf"),
        ('{"scores": [[0.1, NaN]]}', "scores"),
        ('{"wibble": 1}', "wibble"),
        ("[]", "the document"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
    ],
    ids=["nan metric", "text metric", "infinite label", "nan score", "unknown key", "list", "cut off", "deep"],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        read_container_evaluation(text)
    assert words in error.value.message
    assert error.value.fix
