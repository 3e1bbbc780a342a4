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
    # The range around a prediction: the middle share of the residuals.
    tail = (1.0 - hyperparameters.get("coverage", 0.8)) / 2
    low, high = np.quantile(targets - pipeline.predict(features), [tail, 1.0 - tail])
    model = {"features": names, "pipeline": pipeline, "tail": tail, "low": float(low), "high": float(high)}
    joblib.dump(model, model_dir / "model.joblib")


def evaluate(model_dir: Path, holdout: Path) -> dict:
    """Compute the metrics that model.yaml names; of a custom problem the platform knows none by itself."""
    model = load(model_dir)
    _names, features, targets = read_table(holdout)
    centre = model["pipeline"].predict(features)
    low, high = centre + model["low"], centre + model["high"]
    losses = [pinball_loss(targets, low, model["tail"]), pinball_loss(targets, high, 1.0 - model["tail"])]
    return {
        "metrics": {
            "pinball_loss": float(np.mean(losses)),
            "coverage": float(np.mean((targets >= low) & (targets <= high))),
        }
    }


def pinball_loss(targets, predictions, quantile: float) -> float:
    """How far predictions are from being the quantile (0 to 1) of the targets, in the target's unit."""
    errors = targets - predictions
    return float(np.mean(np.maximum(quantile * errors, (quantile - 1.0) * errors)))


def predict(request: dict, model_dir: Path) -> dict:
    """Answer one request: {"instances": [{feature: value, ...}, ...]}. A ValueError or KeyError is a 400."""
    model = load(model_dir)
    rows = [[instance[name] for name in model["features"]] for instance in request["instances"]]
    centre = model["pipeline"].predict(np.asarray(rows, dtype=float))
    columns = {"low": centre + model["low"], "value": centre, "high": centre + model["high"]}
    answers = zip(*(column.round(4).tolist() for column in columns.values()))
    return {"predictions": [dict(zip(columns, answer)) for answer in answers]}


@cache
def load(model_dir: Path) -> dict:
    """Read the model once; the server calls this before the first request."""
    return joblib.load(model_dir / "model.joblib")
