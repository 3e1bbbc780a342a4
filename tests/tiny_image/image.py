"""The tiny image, to push or to run as it is, and requests for jobs and endpoints of it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from modelway_local.registry.store import UnpackedImage

from modelway.packaging.image import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, BuiltImage
from modelway.packaging.layers import tree, write_layer

ROLE = "arn:aws:iam::123456789012:role/modelway-local-sagemaker"
PROGRAM = Path(__file__).parent
CONFIG: dict[str, Any] = {
    "config": {
        "Entrypoint": ["python", "/opt/program/container.py"],
        "Env": ["PYTHONPATH=/opt/program", "PYTHONUNBUFFERED=1"],
        "Labels": {"dev.modelway.interpreter": f"{sys.version_info.major}.{sys.version_info.minor}"},
    }
}


def build(work: Path) -> BuiltImage:
    """The image, ready to push."""
    layer = write_layer(tree(PROGRAM, "opt/program"), work / "code.tar.gz")
    config = json.dumps({**CONFIG, "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]}}).encode()
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "size": len(config), "digest": digest},
        "layers": [{"mediaType": LAYER_TYPE, "size": layer.size, "digest": layer.digest}],
    }
    return BuiltImage(json.dumps(manifest).encode(), config, (layer,))


def unpacked(folder: Path) -> UnpackedImage:
    """The image as the registry would unpack it."""
    program = folder / "opt" / "program"
    program.mkdir(parents=True)
    (program / "container.py").write_text((PROGRAM / "container.py").read_text())
    return UnpackedImage(folder, CONFIG, "sha256:" + "0" * 64)


def training(name: str, image: str, *, seconds: int = 60, data: str = "", **hyperparameters: str) -> dict[str, Any]:
    """CreateTrainingJob: at most `seconds`, with the objects under the s3:// address `data` as channel train."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": data}}
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [
                {"Name": "loss", "Regex": "loss=([0-9.]+)"},
                {"Name": "gain", "Regex": "gain=([0-9.]+)"},
            ],
        },
        "HyperParameters": hyperparameters,
        "OutputDataConfig": {"S3OutputPath": "s3://artifacts/out/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "Tags": [{"Key": "team", "Value": "risk"}],
        **({"InputDataConfig": [{"ChannelName": "train", "DataSource": source}]} if data else {}),
    }


def processing(name: str, image: str, data: str, **environment: str) -> dict[str, Any]:
    """CreateProcessingJob of `evaluate` on the objects under the s3:// address `data`."""
    files = {"S3Uri": data, "LocalPath": "/opt/ml/processing/input/data", "S3DataType": "S3Prefix"}
    output = {"S3Uri": f"s3://artifacts/{name}", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": image, "ContainerArguments": ["evaluate"]},
        "Environment": environment,
        "ProcessingInputs": [{"InputName": "data", "S3Input": {**files, "S3InputMode": "File"}}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "copy", "S3Output": output}]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
    }


def model(name: str, image: str, **environment: str) -> dict[str, Any]:
    """CreateModel without model data."""
    environment = {"WHO": name, **environment}
    return {
        "ModelName": name,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": image, "Environment": environment},
    }


def endpoint_config(name: str, **variants: str) -> dict[str, Any]:
    """CreateEndpointConfig: model name by variant."""
    return {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": variant,
                "ModelName": model_name,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": 1.0,
            }
            for variant, model_name in variants.items()
        ],
    }
