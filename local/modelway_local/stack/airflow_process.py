"""One of Airflow's processes: `python -m modelway_local.stack.airflow_process scheduler --skip-serve-logs`.

It does what the `airflow` command does, and two things more. What it forks dies with it, which else only holds for
what the supervisor starts (runtime/launch.py). And the scheduler imports the tasks' libraries first: LocalExecutor
forks its workers from it and each task from a worker, so no task imports them again. The platform's own code is left
out: an edit of it holds from the next task on.
"""

from __future__ import annotations

import importlib
import os
import sys

from modelway_local.runtime.launch import die_with_parent

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
    """Be `airflow` with these arguments."""
    from airflow.__main__ import main as airflow  # noqa: TID251 - this process is Airflow

    os.register_at_fork(after_in_child=die_with_parent)
    if sys.argv[1:2] == ["scheduler"]:
        for name in TASK_LIBRARIES:
            importlib.import_module(name)
    sys.argv[0] = "airflow"
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
