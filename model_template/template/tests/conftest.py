"""Put src/ on the path, as the image does, and train once on the samples."""

import json
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "src"))


@pytest.fixture(scope="session", name="model_dir")
def fixture_model_dir(tmp_path_factory):
    """A folder with a model trained on samples/train."""
    import model

    folder = tmp_path_factory.mktemp("model")
    model.train({"train": REPO / "samples" / "train", "test": REPO / "samples" / "test"}, {}, folder)
    return folder


@pytest.fixture(name="sample")
def fixture_sample():
    """Read samples/<name> as JSON."""
    return lambda name: json.loads((REPO / "samples" / name).read_text(encoding="utf-8"))


@pytest.fixture(name="holdout")
def fixture_holdout():
    """The folder of the holdout's sample."""
    return REPO / "samples" / "test"
