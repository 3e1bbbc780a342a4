"""The role that SageMaker is handed must exist and trust it, as on AWS; the plain gateway has no roles to ask for."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Request
from modelway_local.gateway.moto_proxy import client

# Operation to the member that names its role.
MEMBERS = {"CreateTrainingJob": "RoleArn", "CreateProcessingJob": "RoleArn", "CreateModel": "ExecutionRoleArn"}
PRINCIPAL = "sagemaker.amazonaws.com"


class ExecutionRoles:
    """Looks roles up in moto's IAM."""

    def __init__(self, moto_url: str) -> None:
        self._iam: Any = client(moto_url, "iam", "local")

    def require(self, request: Request, body: bytes) -> None:
        """Raises AwsError when a request hands SageMaker a role that it cannot assume."""
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        member = MEMBERS.get(operation)
        role = str(json.loads(body).get(member) or "") if member else ""
        if role and not self._trusted(role):
            message = (
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                f"'{PRINCIPAL}' to assume the role."
            )
            raise AwsError("ValidationException", message)

    def _trusted(self, role: str) -> bool:
        try:
            found = self._iam.get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchEntity":
                return False
            raise
        trust = found["AssumeRolePolicyDocument"]["Statement"]
        allowed = [one["Principal"].get("Service", []) for one in trust if one["Effect"] == "Allow"]
        return any(PRINCIPAL in ([one] if isinstance(one, str) else one) for one in allowed)
