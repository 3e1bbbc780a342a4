"""MWAA environments: what Terraform asked for, kept; the one local Airflow stands behind each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import Answer, Request, json_answer
from modelway_local.gateway.validation import validate_input
from modelway_local.gateway_gaps.state import Documents
from modelway_local.sagemaker.resources import ACCOUNT, REGION

LOG_KINDS = ("DagProcessingLogs", "SchedulerLogs", "TaskLogs", "WebserverLogs", "WorkerLogs")
GONE = "deleted"


class MwaaEnvironments:
    """Create, Get, Update, Delete and tags. `webserver` gives the local Airflow's host and port."""

    def __init__(self, home: Path, webserver: Callable[[], str]) -> None:
        self._kept = Documents(home, "mwaa")
        self._webserver = webserver

    def handle(self, request: Request) -> Answer | None:
        """The answer to a request about an environment; None for all others. Raises AwsError."""
        if request.service != "airflow":
            return None
        if found := request.match(r"/environments/([^/]+)"):
            return self._environment(request, found[0])
        if found := request.match(r"/tags/(.+)"):
            return self._tags(request, found[0].rsplit("/", 1)[-1])
        return None

    def _environment(self, request: Request, name: str) -> Answer | None:
        kept = self._kept.get(name)
        if request.method == "PUT":
            return self._create(name, request.document())
        if kept is None:
            return None  # an environment that nobody created: the local Airflow itself
        if kept == GONE:
            raise AwsError("ResourceNotFoundException", f"No environment {name} found", 404)
        if request.method == "GET":
            return json_answer({"Environment": {**kept, "WebserverUrl": self._webserver()}})
        if request.method == "PATCH":
            wanted = request.document()
            validate_input("mwaa", "UpdateEnvironment", {"Name": name, **wanted})
            update = {"Status": "SUCCESS", "CreatedAt": time.time()}
            self._kept.put(name, {**kept, **_described(name, wanted), "LastUpdate": update})
            return json_answer({"Arn": kept["Arn"]})
        if request.method == "DELETE":
            self._kept.put(name, GONE)
            return json_answer({})
        return None

    def _create(self, name: str, wanted: dict[str, Any]) -> Answer:
        validate_input("mwaa", "CreateEnvironment", {"Name": name, **wanted})
        if self._kept.get(name) not in (None, GONE):
            raise AwsError("ValidationException", f"Environment {name} already exists", 400)
        arn = f"arn:aws:airflow:{REGION}:{ACCOUNT}:environment/{name}"
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:airflow-celery-{name}"
        role = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/airflow.amazonaws.com/AWSServiceRoleForAmazonMWAA"
        made = {
            "Arn": arn,
            "Status": "AVAILABLE",
            "CreatedAt": time.time(),
            "EnvironmentClass": "mw1.small",
            "Schedulers": 2,
            "MinWorkers": 1,
            "MaxWorkers": 10,
            "MinWebservers": 2,
            "MaxWebservers": 2,
            "WebserverAccessMode": "PRIVATE_ONLY",
            "EndpointManagement": "SERVICE",
            "WeeklyMaintenanceWindowStart": "SUN:03:00",
            "CeleryExecutorQueue": queue,
            "ServiceRoleArn": role,
            "Tags": {},
        }
        self._kept.put(name, {**made, **_described(name, wanted)})
        return json_answer({"Arn": arn})

    def _tags(self, request: Request, name: str) -> Answer:
        kept = self._kept.get(name)
        if not isinstance(kept, dict):
            raise AwsError("ResourceNotFoundException", f"No environment {name} found", 404)
        tags = dict(kept["Tags"])
        if request.method == "POST":
            tags |= request.document().get("Tags", {})
        elif request.method == "DELETE":
            for key in parse_qs(urlsplit(request.target).query).get("tagKeys", []):
                tags.pop(key, None)
        self._kept.put(name, {**kept, "Tags": tags})
        return json_answer({"Tags": tags} if request.method == "GET" else {})


def _described(name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """A request's fields as GetEnvironment words them."""
    fields = {key: value for key, value in wanted.items() if key not in ("LoggingConfiguration",)}
    if "LoggingConfiguration" in wanted:
        fields["LoggingConfiguration"] = {
            kind: {**given, "CloudWatchLogGroupArn": _log_group(name, kind)}
            for kind, given in wanted["LoggingConfiguration"].items()
            if kind in LOG_KINDS
        }
    return {**fields, "Name": name}


def _log_group(name: str, kind: str) -> str:
    group = kind.removesuffix("Logs").replace("Dag", "DAG").replace("Webserver", "WebServer")
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:airflow-{name}-{group}:*"
