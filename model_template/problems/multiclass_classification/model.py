"""The model: what it learns, how it is scored, what it answers. Change these functions, keep their names."""

from functools import cache
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CLASSES = ["grower_a", "grower_b", "grower_c"]


def read_table(folder: Path):
    """Every CSV of a folder: header row, features, the class in the last column.

    Returns feature names, features of shape (rows, features) and class names of shape (rows,).
    """
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise ValueError(f"no CSV file in {folder}")
    names = files[0].read_text(encoding="utf-8").splitlines()[0].split(",")
    table = np.concatenate([np.loadtxt(path, delimiter=",", skiprows=1, dtype=str, ndmin=2) for path in files])
    return names[:-1], table[:, :-1].astype(float), table[:, -1]


def train(channels: dict, hyperparameters: dict, model_dir: Path) -> None:
    """Learn from channels["train"], a folder, and write everything that predict needs into model_dir."""
    names, features, labels = read_table(channels["train"])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=hyperparameters.get("C", 1.0), max_iter=1000))
    pipeline.fit(features, [CLASSES.index(label) for label in labels])
    joblib.dump({"features": names, "pipeline": pipeline}, model_dir / "model.joblib")


def evaluate(model_dir: Path, holdout: Path) -> dict:
    """Score every row of the holdout, in order; the platform computes the metrics from what is returned."""
    model = load(model_dir)
    _names, features, labels = read_table(holdout)
    scores = model["pipeline"].predict_proba(features)
    return {
        "labels": labels.tolist(),
        "predictions": [CLASSES[best] for best in scores.argmax(axis=1)],
        "scores": scores.tolist(),
        "classes": CLASSES,
    }


def predict(request: dict, model_dir: Path) -> dict:
    """Answer one request: {"instances": [{feature: value, ...}, ...]}. A ValueError or KeyError is a 400."""
    model = load(model_dir)
    rows = [[instance[name] for name in model["features"]] for instance in request["instances"]]
    scores = model["pipeline"].predict_proba(np.asarray(rows, dtype=float))
    return {
        "predictions": [
            {"label": CLASSES[row.argmax()], "probabilities": dict(zip(CLASSES, row.round(6).tolist()))}
            for row in scores
        ]
    }


@cache
def load(model_dir: Path) -> dict:
    """Read the model once; the server calls this before the first request."""
    return joblib.load(model_dir / "model.joblib")
