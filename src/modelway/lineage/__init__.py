"""Commit, image, job, model and endpoint: what each resource's tags say of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PREFIX = "modelway:"


def read(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Our tags without their prefix: project, environment, model, model-version, image-digest, commit."""
    return {tag["Key"].removeprefix(PREFIX): tag["Value"] for tag in tags if tag["Key"].startswith(PREFIX)}
