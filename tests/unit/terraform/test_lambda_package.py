"""A Lambda's zip holds what its handler reaches, and no more."""

from __future__ import annotations

from ci.terraform.lambda_package import ROOT, SOURCE, reached


def modules(function: str) -> tuple[set[str], set[str]]:
    files, packages = reached(ROOT / "lambdas" / function / "handler.py")
    return {path.relative_to(SOURCE / "modelway").as_posix() for path in files}, packages


def test_the_trigger_takes_contracts_and_pydantic_along() -> None:
    files, packages = modules("trigger_dag")
    assert {"trigger.py", "platform.py", "contracts/requests.py", "aws/airflow_rest.py", "__init__.py"} <= files
    assert packages == {"pydantic"}
    assert not {name for name in files if name.startswith(("cli/", "evaluation/", "packaging/"))}


def test_the_log_forwarder_needs_no_package_at_all() -> None:
    files, packages = modules("log_forwarder")
    assert {"log_forwarding.py", "aws/log_targets.py", "errors.py"} <= files
    assert packages == set()
