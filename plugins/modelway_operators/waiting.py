"""The trigger that waits for a job or an endpoint. It always ends with an event, never with an exception."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import boto3
from airflow.triggers.base import BaseTrigger, TriggerEvent

from modelway.deployment import endpoint as endpoints

STATUS = {"training_job": "TrainingJobStatus", "processing_job": "ProcessingJobStatus", "endpoint": "EndpointStatus"}
MOVING = endpoints.MOVING | {"InProgress", "Stopping"}


def describe_resource(client: Any, kind: str, name: str) -> dict[str, Any]:
    """Describe a training_job, processing_job or endpoint by its name."""
    key = "".join(part.title() for part in kind.split("_")) + "Name"
    return dict(getattr(client, f"describe_{kind}")(**{key: name}))


class ResourceTrigger(BaseTrigger):
    """Describe by name every `poll_seconds` until the status moves no more."""

    def __init__(self, kind: str, name: str, poll_seconds: float) -> None:
        super().__init__()
        self.kind = kind
        self.name = name
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        values = {"kind": self.kind, "name": self.name, "poll_seconds": self.poll_seconds}
        return "modelway_operators.waiting.ResourceTrigger", values

    async def run(self) -> AsyncIterator[TriggerEvent]:
        client = await asyncio.to_thread(boto3.client, "sagemaker")
        while True:
            try:
                found = await asyncio.to_thread(describe_resource, client, self.kind, self.name)
            except Exception as error:
                yield TriggerEvent({"name": self.name, "status": "Unknown", "reason": str(error)})
                return
            if found[STATUS[self.kind]] not in MOVING:
                event = {"status": found[STATUS[self.kind]], "reason": found.get("FailureReason", "")}
                yield TriggerEvent({"name": self.name, **event})
                return
            await asyncio.sleep(self.poll_seconds)
