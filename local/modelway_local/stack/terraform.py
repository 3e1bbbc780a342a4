"""terraform/envs/local on this stack: packages, `terraform init`, `apply`, and any other command of Terraform's.

terraform/bootstrap, which an administrator applies once on AWS, is applied before it by the account's owner.
What it keeps lies below `<home>/terraform`: `state/` (dead with the account, so `down` deletes it), `data/` (providers
and modules), `dist/` (packages). Nothing is written into the checkout.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from modelway.errors import PlatformError, UserError
from modelway.packaging.dependencies import cache_folder
from modelway_local.sagemaker.resources import REGION
from modelway_local.stack import actors, terraform_providers
from modelway_local.stack.layout import CHECKOUT, Stack

ENVIRONMENT = CHECKOUT / "terraform" / "envs" / "local"
BOOTSTRAP = CHECKOUT / "terraform" / "bootstrap"
LEAST_VERSION = (1, 11)
AT_ONCE = 30
APPLY = ["apply", "-auto-approve", "-input=false", "-no-color"]
NO_PROVIDER = "Failed to query available provider packages"
MADE = ": Creation complete"
PLANNED = re.compile(r"Plan: (\d+) to add")
ERROR = re.compile(r"^│?\s*Error: (.*)$", re.MULTILINE)
Progress = Callable[[str], None]


class TerraformFailed(PlatformError):
    """Raised when a command of Terraform's fails; the message is Terraform's first error."""


def state_file(home: Path) -> Path:
    """The state of what was applied to this stack."""
    return home / "terraform" / "state" / "terraform.tfstate"


def bootstrap_state_file(home: Path) -> Path:
    """The state of the bootstrap, which no command of `modelway terraform` touches."""
    return state_file(home).with_name("bootstrap.tfstate")


def data_folder(home: Path) -> Path:
    """TF_DATA_DIR, or the folder above it: by it Terraform's processes are known as this stack's."""
    return home / "terraform" / "data"


def forget(home: Path) -> None:
    """Delete the state: moto's memory is gone, and with it all that the state speaks of."""
    shutil.rmtree(state_file(home).parent, ignore_errors=True)


def resource_count(home: Path) -> int:
    """How many resources the state holds; 0 without a state."""
    try:
        state = json.loads(state_file(home).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    return sum(len(entry["instances"]) for entry in state["resources"] if entry["mode"] == "managed")


def require() -> None:
    """Raises UserError unless a Terraform that is new enough is on the PATH."""
    least = ".".join(map(str, LEAST_VERSION))
    fix = f"install Terraform {least} or newer, or leave out --terraform"
    if shutil.which("terraform") is None:
        raise UserError("--terraform: there is no terraform on the PATH", fix=fix)
    said = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True, check=False)
    try:
        found = str(json.loads(said.stdout)["terraform_version"])
    except (ValueError, KeyError) as error:
        raise UserError(f"--terraform: `terraform version` failed: {said.stderr.strip()[:300]}", fix=fix) from error
    if tuple(int(part) for part in re.findall(r"\d+", found)[:2]) < LEAST_VERSION:
        raise UserError(f"--terraform: this is Terraform {found}, too old", fix=fix)


def initialise(home: Path) -> None:
    """`terraform init` with the states below `home`. Raises UserError when no provider can be had."""
    state_file(home).parent.mkdir(parents=True, exist_ok=True)
    _initialise(ENVIRONMENT, state_file(home), _offline(home))
    _initialise(BOOTSTRAP, bootstrap_state_file(home), {**_offline(home), **_bootstrap_data(home)})


def _initialise(root: Path, state: Path, env: dict[str, str]) -> None:
    command = ["init", "-reconfigure", f"-backend-config=path={state}", "-no-color"]
    done = subprocess.run(_command(command, root), env=env, capture_output=True, text=True, check=False)
    if NO_PROVIDER in done.stderr:
        said = "--terraform: the AWS provider is neither in a mirror on this machine nor to be had from the network"
        places = ", ".join(terraform_providers.PLACES)
        fix = f"open the network to registry.terraform.io, put a filesystem mirror into one of {places}, or name one "
        raise UserError(said, fix=f"{fix}with TF_CLI_CONFIG_FILE")
    if done.returncode:
        raise TerraformFailed(f"terraform init: {_first_error(done.stderr)}", fix="modelway up --terraform")


def package(home: Path) -> None:
    """What the functions and MWAA install, for this very Python, into `<home>/terraform/dist`."""
    out = ["--out", str(home / "terraform" / "dist")]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    for module in (["ci.terraform.lambda_package", "--python", python], ["ci.terraform.mwaa_package", "--no-wheels"]):
        command = [sys.executable, "-m", *module, *out]
        env = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        done = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split())[-1000:]
            raise TerraformFailed(f"{module[0]} failed: {said}")


def environment(stack: Stack) -> dict[str, str]:
    """The variables that send Terraform to this stack and nowhere else."""
    home = Path(stack.home)
    return {
        **_offline(home),
        "AWS_ENDPOINT_URL": stack.gateway_url,
        # MWAA's client puts `api.` before the host, which only a proxy can resolve.
        "HTTP_PROXY": stack.gateway_url,
        "HTTPS_PROXY": stack.gateway_url,
        "NO_PROXY": "127.0.0.1,localhost",
        **stack.credentials(actors.TERRAFORM).environment(),
        "AWS_REGION": REGION,
        "TF_VAR_platform_version": version("modelway"),
        "TF_VAR_delivery_url": stack.delivery_url,
        "TF_VAR_airflow_url": stack.airflow_url,
        "TF_VAR_package_dir": str(home / "terraform" / "dist"),
        "TF_VAR_lambda_runtime": f"python{sys.version_info.major}.{sys.version_info.minor}",
    }


def run(stack: Stack, arguments: list[str]) -> int:
    """Any command of Terraform's, on this terminal; its exit code."""
    return subprocess.run(_command(arguments), env=environment(stack), check=False).returncode


def bootstrap(stack: Stack, stop: threading.Event) -> None:
    """Apply terraform/bootstrap as the account's administrator, ended at once when `stop` is set."""
    home = Path(stack.home)
    env = environment(stack)
    env.pop("AWS_SESSION_TOKEN", None)  # the owner's keys have none
    env |= {**stack.credentials().environment(), **_bootstrap_data(home)}
    values = f"-var-file={BOOTSTRAP / 'local.tfvars'}"
    _apply(_command([*APPLY, values], BOOTSTRAP), env, home / "logs" / "terraform-bootstrap.log", None, stop)


def apply(stack: Stack, on_progress: Progress, stop: threading.Event) -> None:
    """`terraform apply`, ended at once when `stop` is set: the account ends with it.

    How far it is goes to `on_progress`, first when the plan is made; all that it says goes to logs/terraform.log.
    """
    log = Path(stack.home) / "logs" / "terraform.log"
    _apply(_command(APPLY), environment(stack), log, on_progress, stop)


def _apply(
    command: list[str], env: dict[str, str], log_file: Path, on_progress: Progress | None, stop: threading.Event
) -> None:
    process = subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    threading.Thread(target=_end_on, args=(stop, process), daemon=True).start()
    said = []
    with log_file.open("w", encoding="utf-8") as log:
        for line in process.stdout or ():
            log.write(line)
            said.append(line)
            if on_progress and (progress := _progress(said)):
                on_progress(progress)
    if process.wait():
        raise TerraformFailed(f"terraform apply: {_first_error(''.join(said))}; see {log_file}")


def _end_on(stop: threading.Event, process: subprocess.Popen[str]) -> None:
    """Providers are Terraform's children, in its process group."""
    while process.poll() is None:
        if stop.wait(0.2):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return


def settings(stack: Stack) -> dict[str, str]:
    """The MODELWAY_* variables as Terraform gives them."""
    command = _command(["output", "-json", "settings"])
    done = subprocess.run(command, env=environment(stack), capture_output=True, text=True, check=False)
    if done.returncode:
        raise TerraformFailed(f"terraform output: {_first_error(done.stderr)}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _command(arguments: list[str], root: Path = ENVIRONMENT) -> list[str]:
    return ["terraform", f"-chdir={root}", *arguments]


def _bootstrap_data(home: Path) -> dict[str, str]:
    return {"TF_DATA_DIR": str(data_folder(home) / "bootstrap")}


def _offline(home: Path) -> dict[str, str]:
    """What holds with and without a gateway. A person's own AWS account is out of reach: no profile, no AWS_*."""
    passed = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
    cache = cache_folder().parent / "terraform-providers"
    cache.mkdir(parents=True, exist_ok=True)
    # Most of the time of an apply is the provider waiting, so many resources are made at once.
    at_once = {f"TF_CLI_ARGS_{command}": f"-parallelism={AT_ONCE}" for command in ("apply", "destroy")}
    return {
        "TF_PLUGIN_CACHE_DIR": str(cache),
        **at_once,
        **passed,
        **terraform_providers.environment(home / "terraform"),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TF_DATA_DIR": str(data_folder(home)),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }


def _progress(said: list[str]) -> str:
    """`terraform: 12 of 104 resources`, when the last line was the plan's sum or brought a resource."""
    if MADE not in said[-1] and not PLANNED.search(said[-1]):
        return ""
    total = next((found[1] for line in said if (found := PLANNED.search(line))), "?")
    return f"terraform: {sum(MADE in line for line in said)} of {total} resources"


def _first_error(text: str) -> str:
    found = ERROR.search(text)
    return found[1] if found else text.strip()[-500:]
