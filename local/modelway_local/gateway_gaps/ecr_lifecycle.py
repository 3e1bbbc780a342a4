"""ECR's DeleteLifecyclePolicy: the registry keeps a policy, and here is noted that it was deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelway_local.gateway.errors import JSON_CONTENT_TYPE, AwsError
from modelway_local.gateway.exchange import Answer, Request, json_answer
from modelway_local.gateway_gaps.state import Documents

TARGET = "AmazonEC2ContainerRegistry_V20150921."
Document = dict[str, Any]


class EcrLifecycle:
    """Put, Get and Delete of lifecycle policies; `ecr` answers the first two."""

    def __init__(self, home: Path, ecr: Callable[[str, Document], Document]) -> None:
        self._deleted = Documents(home, "ecr-lifecycle-deleted")
        self._ecr = ecr

    def handle(self, request: Request) -> Answer | None:
        """The answer to a request about a lifecycle policy; None for all others. Raises AwsError."""
        operation = request.headers.get("x-amz-target", "").removeprefix(TARGET)
        if operation not in ("PutLifecyclePolicy", "GetLifecyclePolicy", "DeleteLifecyclePolicy"):
            return None
        document = request.document()
        repository = str(document.get("repositoryName"))
        if operation != "PutLifecyclePolicy" and self._deleted.get(repository):
            message = f"Lifecycle policy does not exist for the repository with name '{repository}'"
            raise AwsError("LifecyclePolicyNotFoundException", message)
        answer = self._ecr(operation.replace("Delete", "Get"), document)
        if operation == "DeleteLifecyclePolicy":
            self._deleted.put(repository, True)
        elif operation == "PutLifecyclePolicy":
            self._deleted.put(repository, None)
        return json_answer(answer, headers={"Content-Type": JSON_CONTENT_TYPE})
