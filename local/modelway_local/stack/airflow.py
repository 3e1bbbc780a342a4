"""Airflow's four processes and the settings that make them quick on two cores."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from modelway.packaging.dependencies import cache_folder
from modelway_local.sagemaker.resources import REGION
from modelway_local.stack import actors
from modelway_local.stack.layout import CHECKOUT, Stack

GATEWAY_USER = "gateway"
ADMIN_USER = "admin"
# Worker processes of LocalExecutor; it forks all of them at start.
PARALLELISM = 8


def passwords(home: Path) -> dict[str, str]:
    """User name to password of the simple auth manager; made once, readable by the owner alone."""
    path = home / "airflow" / "passwords.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({ADMIN_USER: secrets.token_urlsafe(12), GATEWAY_USER: secrets.token_urlsafe(24)}))
    found: dict[str, str] = json.loads(path.read_text())
    return found


def environment(stack: Stack, port: int) -> dict[str, str]:
    """Environment of every Airflow process."""
    home = Path(stack.home) / "airflow"
    keys = _keys(home)
    connection = {"conn_type": "aws", "extra": {"endpoint_url": stack.gateway_url, "region_name": REGION}}
    settings = {
        "CORE__DAGS_FOLDER": CHECKOUT / "dags",
        "CORE__PLUGINS_FOLDER": CHECKOUT / "plugins",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": PARALLELISM,
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": 64,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN_USER}:admin,{GATEWAY_USER}:user",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 1,
        "CORE__MIN_SERIALIZED_DAG_FETCH_INTERVAL": 1,
        "CORE__FERNET_KEY": "",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "modelway_local.stack.airflow_process.SQLITE_CONNECT",
        "DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": "modelway_local.stack.airflow_process.SQLITE_CONNECT_ASYNC",
        # The API server takes connections in its event loop too: with SQLAlchemy's 15 for SQLite, all of which may wait
        # for the lock, the request that has it could not end. Airflow passes its own pool settings on to no SQLite.
        "DATABASE__SQL_ALCHEMY_ENGINE_ARGS": json.dumps({"max_overflow": -1}),
        # A scheduler that was started again takes up the tasks of the one that died within a minute.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": 15,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.1,
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        "TRIGGERER__ENABLE_HEALTH_CHECK": "False",
        "DAG_PROCESSOR__REFRESH_INTERVAL": 5,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 5,
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": 1,
        "API__PORT": port,
        "API__HOST": "127.0.0.1",
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__WORKERS": 1,
        "API__SECRET_KEY": keys["api"],
        "API_AUTH__JWT_SECRET": keys["jwt"],
        # A task that gives up on an answer and asks again is told that it runs already, and fails.
        "WORKERS__EXECUTION_API_TIMEOUT": 90.0,
        "WORKERS__EXECUTION_API_RETRIES": 10,
        "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": 10.0,
        "LOGGING__LOGGING_LEVEL": "WARNING",
    }
    airflow = {f"AIRFLOW__{name}": str(value) for name, value in settings.items()}
    passed = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "AWS_", "MODELWAY_", "PYTHONPATH"))}
    return {
        **passed,
        **airflow,
        **stack.environment(actors.AIRFLOW),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONDONTWRITEBYTECODE": "",
    }


def _keys(home: Path) -> dict[str, str]:
    path = home / "keys.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({"api": secrets.token_hex(32), "jwt": secrets.token_hex(32)}))
    found: dict[str, str] = json.loads(path.read_text())
    return found


def prepare_database(home: Path, env: dict[str, str]) -> None:
    """An empty, migrated database; migrations run once per Airflow version and are copied from then on."""
    database = home / "airflow" / "airflow.db"
    if database.exists():
        return
    template = cache_folder().parent / f"airflow-{version('apache-airflow')}.db"
    if not template.exists():
        subprocess.run([airflow_command(), "db", "migrate"], env=env, check=True, capture_output=True)
        template.parent.mkdir(parents=True, exist_ok=True)
        partial = template.with_suffix(f".{os.getpid()}")
        shutil.copy(database, partial)
        partial.replace(template)
        return
    shutil.copy(template, database)


def airflow_command() -> str:
    """The `airflow` script beside this interpreter."""
    return str(Path(sys.executable).with_name("airflow"))


def commands(port: int) -> dict[str, list[str]]:
    """Command line of each process; without --skip-serve-logs a log server would bind every interface."""
    airflow = [sys.executable, "-m", "modelway_local.stack.airflow_process"]
    return {
        "api-server": [*airflow, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        "dag-processor": [*airflow, "dag-processor"],
        "scheduler": [*airflow, "scheduler", "--skip-serve-logs"],
        "triggerer": [*airflow, "triggerer", "--skip-serve-logs"],
    }
