"""The `modelway` command: exit code 0 done, 2 yours to mend, 3 the platform's, 1 anything else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from modelway.cli import models, stack
from modelway.cli.ci import app as ci_app
from modelway.cli.console import make_output_inert
from modelway.errors import ModelwayError, PlatformError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a commit to a live endpoint: GitLab, Airflow and SageMaker, and the whole of it on this machine.",
)
_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "The local stack": (stack.up, stack.down, stack.status, stack.terraform, stack.env),
    "Models": (
        *(models.new, models.run, models.retrain, models.deploy, models.rollback),
        *(models.invoke, models.version),
    ),
    "Looking at it": (stack.notifications, stack.logs, models.lineage),
}
# Its options are another program's.
_PASSED_ON: dict[Callable[..., None], dict[str, Any]] = {stack.terraform: {"ignore_unknown_options": True}}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel, context_settings=_PASSED_ON.get(_command))(_command)
app.add_typer(ci_app, name="ci", rich_help_panel="Pipelines")


@app.command(rich_help_panel="The local stack")
def demo(
    port: Annotated[int, typer.Option(help="Port of the loopback AWS.")] = 4566,
    airflow_port: Annotated[int, typer.Option(help="Port of Airflow's web server.")] = 8080,
    terraform: Annotated[
        bool, typer.Option("--terraform", help="On what Terraform makes, each actor held to its own role.")
    ] = False,
) -> None:
    """Take an example through the life of a model: first commit, better commit, retrain, a failure."""
    from modelway_local.demo import demonstrate

    demonstrate(port, airflow_port, terraform=terraform)


def run() -> None:
    """Entry point: errors that were raised on purpose are one message, not a traceback.

    What models print, raise and are named reaches the terminal as text; the help, which is ours, keeps its colours.
    """
    if "--help" not in sys.argv:
        make_output_inert()
    _mount_gitlab()
    try:
        app()
    except ModelwayError as error:
        sys.stderr.write(f"\nerror: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped\n")
        sys.exit(130)
    except Exception as error:
        if not (said := refusal(error)):
            raise
        sys.stderr.write(f"\nerror: {said}\n")
        sys.exit(PlatformError.exit_code)


def refusal(error: Exception) -> str:
    """What AWS said of a call that it refused, with operation and request id; empty for any other error.

    botocore is not imported for it: whoever got such an error has imported it.
    """
    client_error = getattr(sys.modules.get("botocore.exceptions"), "ClientError", ())
    if not isinstance(error, client_error):
        return ""
    said, request = error.response.get("Error", {}), error.response.get("ResponseMetadata", {}).get("RequestId", "none")
    return f"AWS refused {error.operation_name}: {said.get('Code')}: {said.get('Message')} (request {request})"


def _mount_gitlab() -> None:
    """`modelway ci fetch|note|…` cost an import of python-gitlab, so they are there only for `ci`."""
    if sys.argv[1:2] == ["ci"]:
        from modelway.gitlab.commands import app as gitlab_app

        ci_app.registered_commands.extend(gitlab_app.registered_commands)


if __name__ == "__main__":
    run()
