"""One of Airflow's processes: `python -m modelway_local.stack.airflow_process scheduler --skip-serve-logs`.

It does what the `airflow` command does, and three things more. What it forks dies with it, which else only holds for
what the supervisor starts (runtime/launch.py). And the scheduler imports the tasks' libraries first: LocalExecutor
forks its workers from it and each task from a worker, so no task imports them again. The platform's own code is left
out: an edit of it holds from the next task on. The API server commits its audit log in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from modelway_local.runtime.launch import die_with_parent

# Seconds that a process waits for SQLite's one write lock; the default of 5 ends schedulers when many runs are active.
LOCK_SECONDS = 60.0
# Airflow changes these dictionaries, so sync and async connections have one each.
SQLITE_CONNECT = {"timeout": LOCK_SECONDS}
SQLITE_CONNECT_ASYNC = {"timeout": LOCK_SECONDS}
API_THREADS = 400
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


def audit_off_the_loop() -> None:
    """Let the API server write its audit log in a thread.

    Airflow 3.2.1 commits it inside the event loop (api_fastapi/logging/decorators.py). While that waits for the lock of
    another request, that request cannot end, since its end needs the loop: the server would wait for itself. To be
    called before the routes are imported. It goes with the pin of Airflow (docs/decisions/0005).
    """
    import anyio.to_thread
    from airflow.api_fastapi.logging import decorators  # noqa: TID251 - this process is Airflow
    from starlette.concurrency import run_in_threadpool

    on_the_loop = decorators.action_logging

    def action_logging(event: str | None = None) -> Callable[..., Awaitable[None]]:
        log_action = on_the_loop(event)

        async def log_in_a_thread(**given: Any) -> None:
            # A request that has the lock needs another thread to end; the default of 40 may all be waiting for it.
            anyio.to_thread.current_default_thread_limiter().total_tokens = API_THREADS
            await given["request"].body()  # read here, where the request lives; then it is kept
            await run_in_threadpool(lambda: asyncio.run(log_action(**given)))

        log_in_a_thread.__signature__ = inspect.signature(log_action, eval_str=True)  # type: ignore[attr-defined]
        return log_in_a_thread

    decorators.action_logging = action_logging


def main() -> None:
    """Be `airflow` with these arguments."""
    from airflow.__main__ import main as airflow  # noqa: TID251 - this process is Airflow

    os.register_at_fork(after_in_child=die_with_parent)
    if sys.argv[1:2] == ["scheduler"]:
        for name in TASK_LIBRARIES:
            importlib.import_module(name)
    if sys.argv[1:2] == ["api-server"]:
        audit_off_the_loop()
    sys.argv[0] = "airflow"
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
