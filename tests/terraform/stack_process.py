"""The local stack with an empty account, for Terraform to fill: `python -m tests.terraform.stack_process ...`.

The gateway fills moto's gaps, no resource is made beside Terraform, and Airflow has an access key of its own, so that
its calls are told from others.
"""

from __future__ import annotations

from typing import Any

from modelway_local.stack import airflow, resources, supervisor

AIRFLOW_KEY = "airflow"


class OnTerraform(supervisor.Supervisor):
    """Everything but the account's contents."""

    def _gateway(self) -> list[str]:
        return [part.replace("modelway_local.gateway", "modelway_local.gateway_gaps") for part in super()._gateway()]


def main() -> None:
    """Start it; the arguments are the supervisor's."""
    original = airflow.environment

    def environment(*arguments: Any) -> dict[str, str]:
        return {**original(*arguments), "AWS_ACCESS_KEY_ID": AIRFLOW_KEY}

    def nothing(*_: Any) -> None:
        return None

    airflow.environment = environment
    resources.create = nothing
    resources.register_lambdas = nothing
    supervisor.Supervisor = OnTerraform  # type: ignore[misc]
    supervisor.main()


if __name__ == "__main__":
    main()
