"""How a hyperparameter of model.yaml travels: SageMaker passes text only."""

from __future__ import annotations

import json

from modelway.contracts.model_spec import Hyperparameter


def hyperparameter_text(value: Hyperparameter) -> str:
    """The value as JSON, but text that is no JSON as it is, so that `adam` arrives as adam and `"1.10"` stays text.

    Whoever reads JSON where it is JSON, and text where it is not, has the value again, of the same type.
    """
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except ValueError:
        return value
    return json.dumps(value)
