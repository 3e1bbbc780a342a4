"""The plumbing, as SageMaker calls it: a process, its files and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]


def run(command, base):
    """container.py in a process of its own, with everything under `base`."""
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(base)}
    program = [sys.executable, str(REPO / "src" / "container.py"), command]
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120, check=False)


def prepare(base, train_folder):
    """input/ as SageMaker lays it out, with one channel."""
    config = base / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text("{}", encoding="utf-8")
    (config / "inputdataconfig.json").write_text(json.dumps({"train": {}}), encoding="utf-8")
    (base / "input" / "data").mkdir()
    (base / "input" / "data" / "train").symlink_to(train_folder)


def test_train_leaves_a_model(tmp_path):
    prepare(tmp_path, REPO / "samples" / "train")
    result = run("train", tmp_path)
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "model").iterdir())


def test_train_says_why_it_failed(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    prepare(tmp_path, empty)
    assert run("train", tmp_path).returncode == 1
    assert "no CSV file" in (tmp_path / "output" / "failure").read_text(encoding="utf-8")


def test_an_unknown_command_is_refused(tmp_path):
    assert run("dance", tmp_path).returncode == 2
