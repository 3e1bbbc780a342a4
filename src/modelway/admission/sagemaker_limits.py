"""What SageMaker would refuse of a model.yaml, or run into, only after the image is built and paid for.

Sources: the enumerations of TrainingInstanceType, ProcessingInstanceType and ProductionVariantInstanceType, and the
limits of HyperParameterValue, in botocore's model;
https://docs.aws.amazon.com/sagemaker/latest/dg/define-train-metrics.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from botocore.loaders import Loader
from botocore.model import ServiceModel

from modelway.admission.findings import Finding
from modelway.admission.runaway import runs_away
from modelway.contracts import ModelSpec
from modelway.contracts.hyperparameters import hyperparameter_text
from modelway.contracts.reading import Location, place_of

CHECK = "sagemaker"
# Java's `.` takes none of these, and a value must be `.*`.
LINE_ENDS = re.compile("[\n\r\u0085\u2028\u2029]")


def check_sagemaker(path: Path, spec: ModelSpec) -> Iterator[Finding]:
    """Every instance type, hyperparameter and regular expression that cannot work; `path` is the model.yaml."""
    places = [*_instance_types(spec), *_hyperparameters(spec), *_metrics(spec)]
    for location, message, fix in places:
        line, column = place_of(path, location)
        yield Finding("error", CHECK, path, f"{'.'.join(map(str, location))}: {message}", line, column, fix=fix)


Problem = tuple[Location, str, str]


def _instance_types(spec: ModelSpec) -> Iterator[Problem]:
    uses = (
        ("training", spec.training.instance_type, "TrainingInstanceType"),
        ("evaluation", spec.evaluation.instance_type, "ProcessingInstanceType"),
        ("serving", spec.serving.instance_type, "ProductionVariantInstanceType"),
    )
    for section, wanted, shape in uses:
        if wanted not in _allowed(shape):
            family = sorted(name for name in _allowed(shape) if name.split(".")[1][:1] == wanted.split(".")[1][:1])
            near = ", ".join(family[:3]) or "ml.m5.large"
            message = f"SageMaker has no {wanted} for {section}"
            yield (section, "instance_type"), message, f"choose another, e.g. {near}"


@cache
def _allowed(shape: str) -> frozenset[str]:
    model = _service_model()
    return frozenset(model.shape_for(shape).metadata["enum"])


@cache
def _service_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def _hyperparameters(spec: ModelSpec) -> Iterator[Problem]:
    longest = int(_service_model().shape_for("HyperParameterValue").metadata["max"])
    for name, value in spec.training.hyperparameters.items():
        text = hyperparameter_text(value)
        place = ("training", "hyperparameters", name)
        if len(text) > longest:
            message = f"SageMaker takes {longest} characters of a hyperparameter, this has {len(text)}"
            yield place, message, "put it into a file of a channel, or of src/"
        if LINE_ENDS.search(text):
            yield place, "SageMaker takes one line of a hyperparameter", "write it in one line, or into a file of src/"


def _metrics(spec: ModelSpec) -> Iterator[Problem]:
    for number, definition in enumerate(spec.training.metric_definitions):
        place = ("training", "metric_definitions", number, "regex")
        fix = "write one group around the number, e.g. 'loss=([0-9.]+)'"
        try:
            compiled = re.compile(definition.regex)
        except (re.error, RecursionError, OverflowError) as error:
            yield place, f"does not compile: {error}", fix
            continue
        if compiled.groups < 1:
            yield place, "has no group, so it would find no number", fix
        elif runs_away(definition.regex):
            message = "runs away: there are lines on which it takes for ever"
            yield place, message, "let no repeated part hold a repetition that can match the same text, as (a+)+ does"
