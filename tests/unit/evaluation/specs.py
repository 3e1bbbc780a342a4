"""Specs and evaluations that the tests of this folder share."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelway.contracts import ContainerEvaluation, ModelSpec

KINDS = {
    "binary_classification": ("roc_auc", "accuracy", "precision", "recall", "f1", "log_loss"),
    "multiclass_classification": ("f1_macro", "accuracy", "balanced_accuracy", "f1_weighted"),
    "regression": ("rmse", "mae", "r2"),
}


def spec_of(problem: str, metrics: dict[str, dict[str, Any]] | None = None) -> ModelSpec:
    rules = metrics if metrics is not None else {name: {} for name in KINDS[problem]}
    return ModelSpec.model_validate(
        {
            "schema_version": 1,
            "name": "fraud-detector",
            "problem_type": problem,
            "training": {"channels": {"train": "a", "test": "b"}},
            "evaluation": {"metrics": rules},
        }
    )


def evaluation_of(problem: str, *, noise: float, rows: int = 200, seed: int = 0) -> ContainerEvaluation:
    """Rows whose labels depend on `seed` alone; more noise is a worse model."""
    truth, errors = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    if problem == "regression":
        labels = truth.normal(10, 4, rows)
        return ContainerEvaluation(
            labels=labels.tolist(), predictions=(labels + errors.normal(0, noise, rows)).tolist()
        )
    classes = ["no", "yes"] if problem == "binary_classification" else ["a", "b", "c"]
    index = truth.integers(0, len(classes), rows)
    logits = 2 * np.eye(len(classes))[index] + errors.normal(0, noise, (rows, len(classes)))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return ContainerEvaluation(
        labels=[classes[i] for i in index],
        predictions=[classes[i] for i in shares.argmax(axis=1)],
        scores=shares[:, 1].tolist() if len(classes) == 2 else shares.tolist(),
        classes=classes,
    )
