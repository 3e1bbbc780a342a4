"""Write samples/ and io.json of every problem in problems/, from data that ships inside scikit-learn.

Run after a change of a problem's model.py: `uv run python model_template/make_samples.py`.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

PROBLEMS = Path(__file__).resolve().parent / "problems"
ROWS = (180, 120)  # of train and test, at most


def _name(feature: str) -> str:
    return feature.lower().replace(" (cm)", "").replace("/", "_").replace(" ", "_")


def table(problem: str) -> tuple[list[str], np.ndarray[Any, Any], list[Any]]:
    """Feature names, features (rows, features) and targets (rows,)."""
    if problem == "binary_classification":
        data = datasets.load_breast_cancer()
        # 0 is malignant in scikit-learn's copy. The ten "mean" columns are enough for a template.
        return [_name(n) for n in data.feature_names[:10]], data.data[:, :10], [
            "malignant" if value == 0 else "benign" for value in data.target
        ]
    if problem == "multiclass_classification":
        data = datasets.load_wine()
        return [_name(n) for n in data.feature_names], data.data, [f"grower_{'abc'[value]}" for value in data.target]
    data = datasets.load_diabetes(scaled=False)
    return [_name(n) for n in data.feature_names], data.data, data.target.tolist()


def write_csv(path: Path, names: list[str], features: Any, targets: list[Any]) -> None:
    """Features and, last, the target."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*names, "target"])
        writer.writerows([*(f"{value:.6g}" for value in row), target] for row, target in zip(features, targets))


def response_of(problem: str, folder: Path, request: dict[str, Any]) -> Any:
    """What the problem's own model answers."""
    spec = importlib.util.spec_from_file_location(f"model_{problem}", PROBLEMS / problem / "model.py")
    assert spec and spec.loader
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    with tempfile.TemporaryDirectory() as channel, tempfile.TemporaryDirectory() as model_dir:
        (Path(channel) / "data.csv").write_text((folder / "train.csv").read_text(encoding="utf-8"), encoding="utf-8")
        model.train({"train": Path(channel)}, {}, Path(model_dir))
        return model.predict(request, Path(model_dir))


def io_schema(problem: str, names: list[str]) -> dict[str, Any]:
    """The promise to callers: JSON Schema of request and response."""
    number = {"type": "number"}
    answers: dict[str, Any] = {
        "binary_classification": _object({"label": {"enum": ["benign", "malignant"]}, "probability": _unit()}),
        "multiclass_classification": _object(
            {
                "label": {"enum": [f"grower_{x}" for x in "abc"]},
                "probabilities": _object({f"grower_{x}": _unit() for x in "abc"}),
            }
        ),
        "regression": number,
        "custom": _object({"low": number, "value": number, "high": number}),
    }
    instances = {"type": "array", "minItems": 1, "items": _object({name: number for name in names})}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "request": _object({"instances": instances}),
        "response": _object({"predictions": {"type": "array", "items": answers[problem]}}),
    }


def _unit() -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "maximum": 1}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def write_json(path: Path, document: Any) -> None:
    """Indented, as people read it."""
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Every problem."""
    for folder in sorted(PROBLEMS.iterdir()):
        names, features, targets = table(folder.name)
        classes = targets if "classification" in folder.name else None
        train, test, train_targets, test_targets = train_test_split(
            features, targets, test_size=0.4, random_state=7, stratify=classes
        )
        samples = folder / "samples"
        write_csv(samples / "train.csv", names, train[: ROWS[0]], train_targets[: ROWS[0]])
        write_csv(samples / "test.csv", names, test[: ROWS[1]], test_targets[: ROWS[1]])
        instances = [dict(zip(names, (float(f"{value:.6g}") for value in row))) for row in test[:2]]
        request = {"instances": instances}
        write_json(samples / "request.json", request)
        write_json(samples / "response.json", response_of(folder.name, samples, request))
        write_json(folder / "io.json", io_schema(folder.name, names))


if __name__ == "__main__":
    main()
