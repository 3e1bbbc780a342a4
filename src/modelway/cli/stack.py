"""`modelway up`, `down`, `status`, `terraform`, `env`, `notifications`, `logs`."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from modelway.cli import environment
from modelway.cli.console import Console
from modelway.errors import UserError


def up(
    port: Annotated[int, typer.Option(help="Port of the loopback AWS.")] = 4566,
    airflow_port: Annotated[int, typer.Option(help="Port of Airflow's web server.")] = 8080,
    terraform: Annotated[
        bool, typer.Option("--terraform", help="Let Terraform make what is in the account (terraform/envs/local).")
    ] = False,
    runtime: Annotated[
        str, typer.Option(help="What jobs and servers are: process, or docker's containers.")
    ] = "process",
) -> None:
    """Start the local stack; does nothing when it runs."""
    from modelway_local.runtime.engine import Runtime
    from modelway_local.stack.layout import running
    from modelway_local.stack.lifecycle import up as start

    if runtime not in list(Runtime):
        raise UserError(f"--runtime: {runtime!r} is none of {', '.join(Runtime)}")
    console, home = Console(), environment.home()
    runs_already = running(home) is not None
    if not runs_already:
        console.begin("up")
    stack = start(home, port, airflow_port, console.step, terraform=terraform, runtime=Runtime(runtime))
    where = f"AWS {stack.gateway_url}  Airflow {stack.airflow_url}"
    if runs_already:
        console.say(f"the stack runs already: {where}")
    else:
        console.end("up", stack.ready_seconds, where)


def down() -> None:
    """Stop the local stack with everything that it runs."""
    from modelway_local.stack.lifecycle import down as stop

    console = Console()
    started = time.monotonic()
    console.begin("down")
    stopped = stop(environment.home())
    console.end("down", time.monotonic() - started, "stopped" if stopped else "nothing was running")


def status() -> None:
    """Say whether the local stack runs, and what lives in it. Exit code 3 when it does not run."""
    stack = environment.local_stack()
    from modelway_local.stack.resources import client

    endpoints = client(stack, "sagemaker").list_endpoints(MaxResults=100)["Endpoints"]
    typer.echo(f"AWS      {stack.gateway_url}\nAirflow  {stack.airflow_url}\nstate    {stack.home}")
    if stack.terraform:
        from modelway_local.stack.terraform import resource_count, state_file

        home = Path(stack.home)
        typer.echo(f"terraform {resource_count(home)} resources in {state_file(home)}")
    for endpoint in endpoints:
        typer.echo(f"endpoint {endpoint['EndpointName']}: {endpoint['EndpointStatus']}")


def terraform(
    arguments: Annotated[list[str], typer.Argument(help="What Terraform is told: plan, apply, destroy, output, …")],
) -> None:
    """Run Terraform on the stack that `modelway up --terraform` started; the exit code is Terraform's."""
    stack = environment.local_stack()
    if not stack.terraform:
        fix = "modelway down, then: modelway up --terraform"
        raise UserError("what is in this stack's account is not Terraform's", fix=fix)
    from modelway_local.stack.terraform import run

    raise typer.Exit(run(stack, arguments))


def env() -> None:
    """Print the variables that make the aws CLI, boto3 and Terraform use the local stack."""
    for name, value in environment.local_stack().environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def notifications(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show what was sent: the SNS mailbox and the Slack messages, oldest first."""
    home = environment.home()
    found: list[dict[str, str]] = []
    for channel, folder in (("sns", home / "mailbox"), ("slack", home / "slack")):
        paths = sorted(folder.glob("*.json"))
        found += [{"channel": channel, "file": str(path), **json.loads(path.read_text())} for path in paths]
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for message in found:
        title = message.get("subject") or message.get("Subject") or message.get("text", "")
        typer.echo(f"[{message['channel']}] {title}\n  {message['file']}")
    if not found:
        typer.echo("nothing was sent yet", err=True)


def logs(job: Annotated[str, typer.Argument(help="Name of a job or endpoint.")]) -> None:
    """Print what a job or an endpoint printed."""
    folder = environment.home() / "jobs"
    path = folder / job / "log"
    known = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    if job not in known or not path.is_file():
        raise UserError(f"there is no log of {job!r}; known: {', '.join(known[-10:]) or 'none'}")
    sys.stdout.write(path.read_text())
