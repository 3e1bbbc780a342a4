"""Write the training and holdout data of this example: `python data.py FOLDER` -> FOLDER/{train,test}/data.csv.

It is the breast cancer data that ships inside scikit-learn: 569 rows, 30 measurements. Nothing is fetched.
`--samples` writes samples/ too: the first rows of each without very large radii, and a
request with one row of each class.
"""

import argparse
import csv
import json
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

SAMPLE_ROWS = {"train": 120, "test": 60}
USUAL_RADIUS = 22.0


def split():
    """Feature names and, for each channel, rows of 30 features and the class."""
    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    labels = ["malignant" if value == 0 else "benign" for value in data.target]
    rows = [[f"{value:.6g}" for value in row] + [label] for row, label in zip(data.data, labels, strict=True)]
    train, test = train_test_split(rows, test_size=0.4, random_state=7, stratify=labels)
    return names, {"train": train, "test": test}


def write_csv(folder, names, rows):
    """folder/data.csv with a header row; the class is the last column."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([[*names, "diagnosis"], *rows])


def main():
    """Write the files that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--samples", action="store_true")
    arguments = parser.parse_args()
    names, channels = split()
    if arguments.folder:
        for channel, rows in channels.items():
            write_csv(arguments.folder / channel, names, rows)
    if arguments.samples:
        samples = Path(__file__).resolve().parent / "samples"
        for channel, rows in channels.items():
            usual = [row for row in rows if float(row[0]) < USUAL_RADIUS]
            write_csv(samples / channel, names, usual[: SAMPLE_ROWS[channel]])
        rows = [next(row for row in channels["test"] if row[-1] == label) for label in ("benign", "malignant")]
        instances = [dict(zip(names, map(float, row[:-1]), strict=True)) for row in rows]
        (samples / "request.json").write_text(json.dumps({"instances": instances}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
