from __future__ import annotations


def validate_model() -> None: ...
