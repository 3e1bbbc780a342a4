"""Airflow's scheduler with the tasks' libraries imported: `python -m modelway_local.stack.scheduler`.

LocalExecutor forks its workers from the scheduler and each task from a worker, so what is imported here once is not
imported again by every task. The platform's own code is left out: an edit of it holds from the next task on.
"""

from __future__ import annotations

import importlib
import sys

TASK_LIBRARIES = (
    "airflow.sdk",
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.amazon.aws.operators.sagemaker",
    "airflow.providers.standard.operators.python",
    "boto3",
    "jsonschema",
    "pydantic",
    "numpy",
    "scipy.stats",
    "sklearn.metrics",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
)


def main() -> None:
    """Import, then be the scheduler."""
    from airflow.__main__ import main as airflow  # noqa: TID251 - this process is Airflow

    for name in TASK_LIBRARIES:
        importlib.import_module(name)
    sys.argv = ["airflow", "scheduler", "--skip-serve-logs"]
    airflow()


if __name__ == "__main__":
    main()
