"""Which models a scheduled pipeline retrains, and running them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from pydantic import ValidationError

from modelway.contracts import ModelSpec, TrainingRequest
from modelway.errors import UserError

PARALLEL = 8


class Registered(Protocol):
    """Every model's newest accepted version; `Releases` is one."""

    def newest(self) -> list[dict[str, Any]]: ...

    def training_request(self, package: dict[str, Any]) -> TrainingRequest: ...


def due(registered: Registered, schedule: str) -> tuple[list[ModelSpec], list[str]]:
    """Models whose model.yaml asks for `schedule` ("daily" or "weekly"), and the packages that could not be read."""
    found, unreadable = [], []
    for package in registered.newest():
        try:
            spec = registered.training_request(package).model
        except (UserError, ValidationError):
            unreadable.append(str(package["ModelPackageArn"]))
            continue
        if spec.retrain.schedule == schedule:
            found.append(spec)
    return found, unreadable


def retrain_all(specs: Iterable[ModelSpec], retrain: Callable[[str], int]) -> dict[str, int]:
    """Call `retrain(model name)` for all, at most eight at a time; returns its exit code of each."""
    named = [spec.name for spec in specs]
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        return dict(zip(named, pool.map(retrain, named), strict=True))
