"""A runner's tools, the loopback AWS and the fake GitLab; the platform's project and a model's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from modelway_local.runtime.server import free_port
from modelway_local.stack.layout import Stack
from modelway_local.stack.lifecycle import down, up

from modelway.packaging.dependencies import cache_folder
from tests.container.conftest import install_tools, make_base
from tests.fake_gitlab.server import State, start
from tests.gitlab_ci.projects import NOT_RUN, Project, clean_environment, copy_tracked

ROOT = Path(__file__).parents[2]
PLATFORM, MODEL = "ml-platform/modelway", "risk/breast-cancer"
TOKEN = "right-token"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What no run here covers is said each time, not only in the docs."""
    terminalreporter.write_line(f"not run, since only a GitLab server has them: {NOT_RUN}")


@pytest.fixture(scope="session")
def gitlab_ci_local() -> list[str]:
    """The command, installed by its lock."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: no pipeline was run")
    install_tools("rsync")
    make_base()
    folder = cache_folder().parent / "gitlab-ci-local"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).with_name(name), folder / name)
    command = folder / "node_modules" / ".bin" / "gitlab-ci-local"
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(["npm", "ci", *quiet], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"gitlab-ci-local cannot be installed, so no pipeline was run: {done.stderr[-300:]}")
    return [str(command)]


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the jobs' image has: a Python with pip."""
    folder = tmp_path_factory.mktemp("tools") / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / "bin"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The loopback AWS with Airflow."""
    home = tmp_path_factory.mktemp("modelway-home")
    started = up(home, free_port(), free_port(), lambda step: print(f"stack: {step}"))
    try:
        yield started
    finally:
        down(home)


@pytest.fixture(scope="session")
def state() -> State:
    """What the fake GitLab knows."""
    return State(tokens={TOKEN})


@pytest.fixture(scope="session")
def server(state: State) -> Iterator[str]:
    """Address of the fake GitLab."""
    running, address = start(state)
    yield address
    running.shutdown()
    running.server_close()


def uv_cache() -> str:
    """The folder that `make install` has filled."""
    uv = Path(sys.executable).with_name("uv")
    return subprocess.run([uv, "cache", "dir"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def platform(
    tmp_path_factory: pytest.TempPathFactory, gitlab_ci_local: list[str], tools: Path, stack: Stack, server: str
) -> Project:
    """This repository as the project that trains and deploys, its variables set as docs/how-to/gitlab.md says."""
    base = make_base()
    folder = tmp_path_factory.mktemp("gitlab") / "modelway"
    copy_tracked(ROOT, folder)
    home = tmp_path_factory.mktemp("runner")
    environment = clean_environment([tools], home, {})
    project = Project(folder, PLATFORM, server, gitlab_ci_local, environment)
    project.variables = {
        **stack.environment(),
        "MODELWAY_GITLAB_TOKEN": TOKEN,
        "MODELWAY_SETTINGS_TOKEN": TOKEN,
        # GitLab makes one for each job.
        "CI_JOB_TOKEN": "job-token",
        "MODELWAY_MODELS": json.dumps({"breast-cancer": MODEL}),
        "MODELWAY_BASE_IMAGE": base,
        "MODELWAY_STORAGE_DRIVER": "overlay",
        "MODELWAY_BUILD_CA": os.environ.get("SSL_CERT_FILE", ""),
        # One cache for all jobs, as a runner's cache would be; a job's own folder is new each time.
        "UV_CACHE_DIR": uv_cache(),
        "UV_LINK_MODE": "hardlink",
        "MODELWAY_CACHE": str(cache_folder().parent),
    }
    project.initialise()
    return project


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, platform: Project, tools: Path) -> Project:
    """The example as a team's own project."""
    folder = tmp_path_factory.mktemp("team") / "breast-cancer"
    shutil.copytree(ROOT / "examples" / "breast-cancer", folder, ignore=shutil.ignore_patterns("__pycache__"))
    # The include is fetched from the platform's project, which lies beside.
    servers = {f"{platform.server}/{PLATFORM}.git": platform.folder}
    home = Path(platform.environment["HOME"])
    environment = clean_environment([tools], home, servers)
    project = Project(folder, MODEL, platform.server, platform.command, environment)
    project.variables = {"PIP_CACHE_DIR": str(home / "pip-cache")}
    project.initialise()
    return project
