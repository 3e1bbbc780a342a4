"""Seconds in the model's own code against seconds of everything else, for 1, 5 and 20 pipelines at once.

Usage: `modelway up && python benchmarks/pipeline_overhead.py [--at-once 1 5 20]`. Each pipeline is a whole
`modelway run` of a model of its own, from validate to a live endpoint. The machine's load before and the memory of all
of the stack's processes at the peak are printed with the numbers, since they mean little without.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import psutil
from modelway_local.stack.layout import require

CHECKOUT = Path(__file__).resolve().parents[1]
MODELWAY = str(Path(sys.executable).with_name("modelway"))


class MemoryPeak:
    """The most memory (PSS where the kernel gives it, else RSS) of a process tree, sampled each second, MB."""

    def __init__(self, pid: int) -> None:
        self._root, self._stop, self.megabytes = psutil.Process(pid), threading.Event(), 0.0
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self._stop.wait(1.0):
            total = 0
            for process in [self._root, *self._root.children(recursive=True)]:
                try:
                    memory = process.memory_full_info()
                    total += getattr(memory, "pss", memory.rss)
                except psutil.Error:
                    continue
            self.megabytes = max(self.megabytes, total / 1e6)

    def stop(self) -> None:
        """Sample no more."""
        self._stop.set()


def prepare(folder: Path, name: str) -> Path:
    """A copy of the example under a name of its own."""
    repo = folder / name
    shutil.copytree(CHECKOUT / "examples" / "breast-cancer", repo, ignore=shutil.ignore_patterns("__pycache__"))
    spec = (repo / "model.yaml").read_text()
    (repo / "model.yaml").write_text(spec.replace("breast-cancer", name))
    data = folder / f"{name}-data"
    subprocess.run([sys.executable, str(repo / "data.py"), str(data)], check=True, capture_output=True)
    for channel in ("train", "test"):
        source = data / channel / "data.csv"
        boto3.client("s3").upload_file(str(source), "modelway-local-data", f"{name}/{channel}/data.csv")
    return repo


def run(repo: Path) -> dict[str, Any]:
    """One whole `modelway run`; its record, with the wall-clock seconds."""
    record = repo / "record.json"
    started = time.monotonic()
    done = subprocess.run(
        [MODELWAY, "run", str(repo), "--json", str(record)], capture_output=True, text=True, check=False
    )
    found: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {"outcome": "failed"}
    return {**found, "wall": time.monotonic() - started, "said": done.stderr[-500:]}


def model_seconds(record: dict[str, Any]) -> float:
    """Seconds in the model's own code: its jobs' container time, from Describe."""
    client = boto3.client("sagemaker")
    training = client.describe_training_job(TrainingJobName=record["training_job"])
    moments: dict[str, datetime] = {t["Status"]: t["StartTime"] for t in training["SecondaryStatusTransitions"]}
    seconds = (moments.get("Uploading", training["TrainingEndTime"]) - moments["Training"]).total_seconds()
    pages = client.get_paginator("list_processing_jobs").paginate(NameContains=record["model"])
    for job in (item for page in pages for item in page["ProcessingJobSummaries"]):
        found = client.describe_processing_job(ProcessingJobName=job["ProcessingJobName"])
        seconds += (found["ProcessingEndTime"] - found["ProcessingStartTime"]).total_seconds()
    return seconds


def measure(count: int, folder: Path, pid: int) -> None:
    """Run `count` pipelines at once and print one row."""
    repos = [prepare(folder, f"bench-{count}-{index}") for index in range(count)]
    load, peak, started = os.getloadavg()[0], MemoryPeak(pid), time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        records = list(pool.map(run, repos))
    wall = time.monotonic() - started
    peak.stop()
    good = [record for record in records if record["outcome"] == "success"]
    own = sum(model_seconds(record) for record in good) / max(len(good), 1)
    each = sum(record["wall"] for record in good) / max(len(good), 1)
    print(
        f"{count:>3} at once  {len(good):>3} right  wall {wall:6.1f} s  a pipeline {each:6.1f} s  of it in the model's "
        f"jobs {own:5.1f} s ({own / each if each else 0:.0%})  memory {peak.megabytes:6.0f} MB  load before {load:.1f}"
    )
    for record in records:
        if record["outcome"] != "success":
            print(f"    failed: {record['said']}")


def main() -> None:
    """Measure each count in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 5, 20])
    stack = require()
    os.environ.update(stack.environment())
    with tempfile.TemporaryDirectory() as folder:
        for count in parser.parse_args().at_once:
            measure(count, Path(folder), stack.pid)


if __name__ == "__main__":
    main()
