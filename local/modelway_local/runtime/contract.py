"""The files and variables that SageMaker gives a container.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html,
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# The sagemaker-training toolkit waits for DNS on `algo-1`; on loopback the only host is this one.
HOST = "localhost"


def write_training_config(request: dict[str, Any], base: Path) -> None:
    """Write hyperparameters.json, inputdataconfig.json and resourceconfig.json below `base`."""
    resources = request.get("ResourceConfig", {})
    channels = {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", "File"),
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in request.get("InputDataConfig", [])
    }
    documents: dict[str, Any] = {
        "hyperparameters.json": request.get("HyperParameters", {}),
        "inputdataconfig.json": channels,
        "resourceconfig.json": {
            "current_host": HOST,
            "hosts": [HOST],
            "network_interface_name": "lo",
            "current_instance_type": resources.get("InstanceType", ""),
        },
    }
    _write(base / "input" / "config", documents)


def write_processing_config(request: dict[str, Any], job_arn: str, base: Path) -> None:
    """Write processingjobconfig.json and resourceconfig.json to /opt/ml/config."""
    kept = (
        "AppSpecification",
        "Environment",
        "NetworkConfig",
        "ProcessingInputs",
        "ProcessingJobName",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "RoleArn",
        "StoppingCondition",
    )
    documents: dict[str, Any] = {
        "processingjobconfig.json": {
            "ProcessingJobArn": job_arn,
            **{key: request[key] for key in kept if key in request},
        },
        "resourceconfig.json": {"current_host": HOST, "hosts": [HOST]},
    }
    _write(base / "config", documents)


def batch_environment(request: dict[str, Any]) -> dict[str, str]:
    """The variables by which a server knows that it works for a transform job."""
    return {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(request.get("MaxConcurrentTransforms", 1)),
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(request.get("MaxPayloadInMB", 6)),
        "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD"
        if request.get("BatchStrategy") == "SingleRecord"
        else "MULTI_RECORD",
    }


def _write(folder: Path, documents: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document))
