"""The model: what it learns, how it is scored, what it answers. Change these functions, keep their names."""

from functools import cache
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def read_table(folder: Path):
    """Every CSV of a folder: header row, features, the target in the last column.

    Returns feature names, features of shape (rows, features) and targets of shape (rows,).
    """
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise ValueError(f"no CSV file in {folder}")
    names = files[0].read_text(encoding="utf-8").splitlines()[0].split(",")
    table = np.concatenate([np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2) for path in files])
    return names[:-1], table[:, :-1], table[:, -1]


def train(channels: dict, hyperparameters: dict, model_dir: Path) -> None:
    """Learn from channels["train"], a folder, and write everything that predict needs into model_dir."""
    names, features, targets = read_table(channels["train"])
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha=hyperparameters.get("alpha", 1.0)))
    pipeline.fit(features, targets)
    joblib.dump({"features": names, "pipeline": pipeline}, model_dir / "model.joblib")


def evaluate(model_dir: Path, holdout: Path) -> dict:
    """Score every row of the holdout, in order; the platform computes the metrics from what is returned."""
    _names, features, targets = read_table(holdout)
    predictions = load(model_dir)["pipeline"].predict(features)
    return {"labels": targets.tolist(), "predictions": predictions.tolist()}


def predict(request: dict, model_dir: Path) -> dict:
    """Answer one request: {"instances": [{feature: value, ...}, ...]}. A ValueError or KeyError is a 400."""
    model = load(model_dir)
    rows = [[instance[name] for name in model["features"]] for instance in request["instances"]]
    return {"predictions": model["pipeline"].predict(np.asarray(rows, dtype=float)).round(4).tolist()}


@cache
def load(model_dir: Path) -> dict:
    """Read the model once; the server calls this before the first request."""
    return joblib.load(model_dir / "model.joblib")
