"""The admission test: train, evaluate and serve for real on the samples, in seconds, before an image is pushed."""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelway.admission.process import Program, run
from modelway.admission.samples import Samples, read_samples
from modelway.admission.service import check_service
from modelway.admission.unprivileged import same_user
from modelway.contracts import EvaluationReport, ModelSpec
from modelway.contracts.hyperparameters import hyperparameter_text
from modelway.errors import UserError
from modelway.evaluation import compare, read_container_evaluation

MAX_EXAMPLE_CHARACTERS = 100_000  # of a DeploymentRequest's examples


@dataclass(frozen=True)
class TimeLimits:
    """Longest time of each step on the samples, seconds."""

    train: float = 120.0
    evaluate: float = 60.0
    startup: float = 60.0
    invoke: float = 30.0


@dataclass(frozen=True)
class AdmissionResult:
    """What a model did on its samples.

    `seconds`: of the steps train, evaluate and serve. `request_example` and `response_example`: JSON, what the
    deployment verifies the endpoint with. `report`: metrics on the samples, for information only.
    """

    seconds: dict[str, float] = field(hash=False)
    request_example: str
    response_example: str
    report: EvaluationReport


Progress = Callable[[str, str], None]


def _silent(step: str, state: str) -> None:
    del step, state


def admit(
    model_dir: Path,
    spec: ModelSpec,
    *,
    pythonpath: Sequence[Path],
    interpreter: Path,
    program: Path | None = None,
    limits: TimeLimits | None = None,
    on_progress: Progress = _silent,
) -> AdmissionResult:
    """Run the model's own container.py through train, evaluate and serve on its samples.

    `pythonpath`: folders with the installed dependencies. `interpreter`: a clean Python of the image's version.
    `program`: the folder of container.py, the source folder by default (or opt/program of an unpacked image).
    `on_progress(step, state)` is called with state "started", then "passed" or "failed".
    Raises UserError saying which step failed, what the model's process said, and what to do. No process survives.
    """
    limits = limits or TimeLimits()
    samples = read_samples(model_dir, spec)
    folder = program or model_dir / spec.source
    if not (folder / "container.py").is_file():
        raise UserError(f"{folder / 'container.py'} is missing", fix="take it from `modelway new` unchanged")
    runner = Program(interpreter, folder, tuple(pythonpath))
    seconds: dict[str, float] = {}
    on_progress("user", same_user(runner.needed()) or "the model's code runs as a user of its own")
    with tempfile.TemporaryDirectory(prefix="modelway-admission-", ignore_cleanup_errors=True) as scratch:
        # Each step that is prepared here gets a folder that no code of the model has touched: it may have left links.
        base, evaluation = Path(scratch) / "training", Path(scratch) / "evaluation"
        Path(scratch).chmod(0o711)
        with _timed("train", seconds, on_progress):
            _train(runner, base, spec, samples, limits.train)
        with _timed("evaluate", seconds, on_progress):
            report = _evaluate(runner, evaluation, base / "model", spec, samples, limits.evaluate)
        with _timed("serve", seconds, on_progress):
            answer = check_service(runner, base, samples, limits.startup, limits.invoke)
            request_example, response_example = _example(samples.request), _example(answer)
    return AdmissionResult(seconds, request_example, response_example, report)


@contextmanager
def _timed(step: str, seconds: dict[str, float], on_progress: Progress) -> Iterator[None]:
    began = time.monotonic()
    on_progress(step, "started")
    try:
        yield
    except BaseException:
        on_progress(step, "failed")
        raise
    seconds[step] = round(time.monotonic() - began, 3)
    on_progress(step, "passed")


def _train(program: Program, base: Path, spec: ModelSpec, samples: Samples, seconds: float) -> None:
    """Lay out input/ as SageMaker does, train, and make sure that a model is there."""
    config = base / "input" / "config"
    config.mkdir(parents=True)
    hyperparameters = {name: hyperparameter_text(value) for name, value in spec.training.hyperparameters.items()}
    _write_json(config / "hyperparameters.json", hyperparameters)
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    _write_json(config / "inputdataconfig.json", dict.fromkeys(samples.channels, channel))
    _write_json(config / "resourceconfig.json", {"current_host": "localhost", "hosts": ["localhost"]})
    for name, folder in samples.channels.items():
        shutil.copytree(folder, base / "input" / "data" / name)
    (base / "output").mkdir()
    (base / "model").mkdir()
    run(program, "train", base, seconds, base / "output" / "failure")
    left = list((base / "model").rglob("*"))
    if not any(path.is_file() for path in left):
        raise UserError("train ended well but left no model", fix="write it into the model_dir that train() is given")
    _refuse_links(base / "model", left)


def _refuse_links(model: Path, left: Sequence[Path]) -> None:
    """SageMaker packs links into model.tar.gz and does not unpack them: the endpoint would not start."""
    inodes = {path.stat().st_ino for path in left if path.is_file() and not path.is_symlink()}
    files = [path for path in left if path.is_file() and not path.is_symlink()]
    links = [path for path in left if path.is_symlink()] or (files if len(inodes) < len(files) else [])
    if links:
        names = ", ".join(path.relative_to(model).as_posix() for path in sorted(links)[:5])
        raise UserError(
            f"train left links in model_dir ({names}); SageMaker does not unpack a model with links",
            fix="write files: copy what a link names",
        )


def _evaluate(
    program: Program, base: Path, model: Path, spec: ModelSpec, samples: Samples, seconds: float
) -> EvaluationReport:
    """Pack the model as SageMaker does, evaluate it on the holdout's sample, and compute the metrics."""
    source, output = base / "processing" / "input", base / "processing" / "output"
    (source / "model").mkdir(parents=True)
    output.mkdir()
    with tarfile.open(source / "model" / "model.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(model, arcname=".")
    shutil.copytree(samples.channels[spec.evaluation.channel], source / "data")
    run(program, "evaluate", base, seconds, base / "output" / "message")
    written = output / "evaluation.json"
    # A link that the model's code left could lead to a file that only we may read.
    if written.is_symlink() or not written.is_file():
        raise UserError("evaluate ended well but left no evaluation.json", fix="return a dictionary from evaluate()")
    evaluation = read_container_evaluation(written.read_bytes())
    # Thresholds say nothing of a few samples: only whether every metric can be computed matters here.
    report, _decision = compare(spec, evaluation, None, model_version="admission", champion_version=None)
    return report


def _example(document: Any) -> str:
    text = json.dumps(document, separators=(",", ":"))
    if len(text) > MAX_EXAMPLE_CHARACTERS:
        raise UserError(
            f"samples/request.json and its answer may have {MAX_EXAMPLE_CHARACTERS} characters each, got {len(text)}",
            fix="keep one or two instances in samples/request.json",
        )
    return text


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")
