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

# Seconds that a process waits for SQLite's one write lock. The API server may not wait long: Airflow 3.2.1 commits its
# audit log inside the event loop (api_fastapi/logging/decorators.py), and while that waits for the lock of another
# request, that request cannot end. Refused soon, it is repeated by its caller. The others wait rather than die.
LOCK_SECONDS = 0.5 if "api-server" in sys.argv else 60.0
# Airflow changes these dictionaries, so sync and async connections have one each.
SQLITE_CONNECT = {"timeout": LOCK_SECONDS}
SQLITE_CONNECT_ASYNC = {"timeout": LOCK_SECONDS}
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
