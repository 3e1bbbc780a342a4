"""The files that SageMaker puts in a training container (`/opt/ml/input/config`)."""

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
    for name, document in documents.items():
        (base / "input" / "config" / name).write_text(json.dumps(document))
