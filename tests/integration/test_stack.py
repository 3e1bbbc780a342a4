"""The stack as a guest on somebody's machine: loopback only, one clear refusal, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import httpx
import psutil
import pytest
from botocore.exceptions import ClientError
from modelway_local.runtime.server import free_port
from modelway_local.stack.layout import Stack, alive, running
from modelway_local.stack.lifecycle import down, up

pytestmark = pytest.mark.integration
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def listening(process: psutil.Process) -> list[tuple[str, int, str]]:
    """(address, port, name) of each socket that waits for callers; none of a process that ends meanwhile."""
    try:
        connections, name = process.net_connections("inet"), process.name()
    except psutil.NoSuchProcess:
        return []
    waiting = (c for c in connections if c.status == psutil.CONN_LISTEN or (c.type == socket.SOCK_DGRAM and c.laddr))
    return [(connection.laddr.ip, connection.laddr.port, name) for connection in waiting]


def gone(processes: list[psutil.Process], seconds: float) -> list[str]:
    """Command lines of those that still run after `seconds`."""
    deadline = time.monotonic() + seconds
    left = processes
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = [process for process in left if process.is_running() and alive(process.pid)]
    return [str(process) for process in left]


def test_everything_listens_on_loopback_only(stack: Stack) -> None:
    sockets = [place for process in family(stack.pid) for place in listening(process)]
    assert {address for address, *_ in sockets} <= LOOPBACK, sockets
    ports = {port for _, port, _ in sockets}
    assert {int(url.rsplit(":", 1)[1]) for url in (stack.gateway_url, stack.airflow_url)} <= ports


def test_airflow_refuses_who_has_no_token_and_the_gateways_user_sees_no_connections(
    stack: Stack, stack_environment: dict[str, str]
) -> None:
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{stack.airflow_url}/api/v2/dags")
    assert refused.value.code == 401
    mwaa = boto3.client("mwaa")
    with pytest.raises(ClientError) as denied:
        mwaa.invoke_rest_api(Name="modelway-local", Path="/connections", Method="GET")
    assert denied.value.response["RestApiStatusCode"] == 403  # type: ignore[typeddict-item]


def test_runs_started_at_once_do_not_wait_for_each_other(stack: Stack, checkout: Path) -> None:
    """Airflow 3.2.1 commits its audit log in the API server's event loop: two at once would stop it for a minute."""
    conf = json.loads((checkout / "tests" / "events" / "start_deployment.json").read_text())["conf"]
    passwords = json.loads((Path(stack.home) / "airflow" / "passwords.json").read_text())
    login = {"username": "admin", "password": passwords["admin"]}
    with httpx.Client(base_url=stack.airflow_url, timeout=30) as client, ThreadPoolExecutor(12) as pool:
        token = client.post("/auth/token", json=login).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

        def start(number: int) -> int:
            run = {"dag_run_id": f"at-once-{number}", "logical_date": None, "conf": conf}
            return client.post("/api/v2/dags/deploy/dagRuns", json=run).status_code

        assert client.patch("/api/v2/dags/deploy", json={"is_paused": True}).status_code == 200
        try:
            assert set(pool.map(start, range(24))) == {200}
            logged = client.get("/api/v2/eventLogs", params={"event": "trigger_dag_run"}).json()
            assert logged["total_entries"] >= 24, "the audit log is kept"
            for number in range(24):
                assert client.delete(f"/api/v2/dags/deploy/dagRuns/at-once-{number}").status_code == 204
        finally:
            assert client.patch("/api/v2/dags/deploy", json={"is_paused": False}).status_code == 200


def test_a_killed_gateway_comes_back_with_its_state(stack: Stack, stack_environment: dict[str, str]) -> None:
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="survivor")
    gateway = next(p for p in family(stack.pid) if "modelway_local.gateway" in p.cmdline())
    gateway.kill()
    gateway.wait(5)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            found = sagemaker.list_model_package_groups(NameContains="survivor")["ModelPackageGroupSummaryList"]
            break
        except Exception:  # noqa: BLE001 - it is on its way back
            time.sleep(0.2)
    assert [group["ModelPackageGroupName"] for group in found] == ["survivor"]


def _direct_child(stack: Stack, argument: str) -> psutil.Process | None:
    """The supervisor's own child with `argument` on its command line; what it forks is not meant."""
    for process in psutil.Process(stack.pid).children():
        try:
            if argument in process.cmdline():
                return process
        except psutil.Error:
            continue
    return None


def test_a_killed_scheduler_is_started_again(stack: Stack) -> None:
    before = _direct_child(stack, "scheduler")
    assert before is not None
    before.kill()
    deadline = time.monotonic() + 20
    after = before
    while (after is None or after.pid == before.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
        after = _direct_child(stack, "scheduler")
    assert after is not None
    assert after.pid != before.pid
    assert "scheduler exited with code -9; starting it again" in (Path(stack.home) / "progress.log").read_text()


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def test_a_killed_supervisor_leaves_no_process_and_up_starts_again(own_home: Path) -> None:
    first = up(own_home, free_port(), free_port(), lambda _: None)
    processes = family(first.pid)
    assert len(processes) > 8
    os.kill(first.pid, signal.SIGKILL)
    assert gone(processes, 10) == []
    assert running(own_home) is None
    second = up(own_home, free_port(), free_port(), lambda _: None)
    processes = family(second.pid)
    assert down(own_home) is True
    assert gone(processes, 2) == []
    assert down(own_home) is False


def test_ctrl_c_while_starting_leaves_no_process(own_home: Path) -> None:
    command = [str(Path(sys.executable).with_name("modelway")), "up", "--port", str(free_port())]
    command += ["--airflow-port", str(free_port())]
    # Whoever runs the tests in the background has it ignore Ctrl-C, and a process inherits that.
    heed = ["env", "--default-signal=INT"]
    environment = {**os.environ, "MODELWAY_HOME": str(own_home)}
    starting = subprocess.Popen([*heed, *command], env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not (own_home / "supervisor.pid").exists():
        time.sleep(0.05)
    time.sleep(3)
    processes = family(int((own_home / "supervisor.pid").read_text()))
    starting.send_signal(signal.SIGINT)
    _, said = starting.communicate(timeout=30)
    assert starting.returncode == 130
    assert b"Traceback" not in said
    assert gone(processes, 10) == []
