"""Which models a scheduled pipeline retrains, and running them side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from pydantic import ValidationError

from modelway.contracts import ModelSpec, TrainingRequest

REQUEST_KEY = re.compile(r"^(?P<model>[^/]+)/(\d+)\.(\d+)\.(\d+)-r(\d+)/[^/]+/request\.json$")
PARALLEL = 8


class Store(Protocol):
    """The artifacts bucket."""

    def keys(self, prefix: str) -> list[str]: ...

    def get(self, key: str) -> str | None: ...


def latest_requests(keys: Iterable[str]) -> dict[str, str]:
    """Model to the key of its newest version's request (semantic version, then retraining number)."""
    newest: dict[str, tuple[tuple[int, ...], str]] = {}
    for key in keys:
        if match := REQUEST_KEY.match(key):
            version = tuple(int(number) for number in match.groups()[1:])
            newest[match["model"]] = max(newest.get(match["model"], ((), "")), (version, key))
    return {model: key for model, (_, key) in sorted(newest.items())}


def due(store: Store, schedule: str) -> tuple[list[ModelSpec], list[str]]:
    """Models whose model.yaml asks for `schedule` ("daily" or "weekly"), and the keys that could not be read."""
    found, unreadable = [], []
    for key in latest_requests(store.keys("")).values():
        try:
            spec = TrainingRequest.model_validate_json(store.get(key) or "").model
        except ValidationError:
            unreadable.append(key)
            continue
        if spec.retrain.schedule == schedule:
            found.append(spec)
    return found, unreadable


def retrain_all(specs: Iterable[ModelSpec], retrain: Callable[[str], int]) -> dict[str, int]:
    """Call `retrain(model name)` for all, at most eight at a time; returns its exit code of each."""
    named = [spec.name for spec in specs]
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        return dict(zip(named, pool.map(retrain, named), strict=True))
