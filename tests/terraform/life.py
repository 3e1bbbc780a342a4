"""A model's life on an enforced stack, each step as who takes it: what the gateway records of it is replayed."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modelway_local.stack.actors import PERSON

from tests.terraform.conftest import ARTIFACTS, ROOT, Account

MODEL = "breast-cancer"
FOUR_ACTS = "from modelway_local.demo import play; from modelway_local.stack.layout import require; play(require())"


def four_acts(account: Account) -> str:
    """What the demo printed: first commit, better commit under load, retrain, a failure; each act checks itself."""
    return account.run([sys.executable, "-c", FOUR_ACTS]).stdout


def roll_back(account: Account) -> str:
    """What `modelway rollback` printed; 1.1.0 was live."""
    return account.modelway("rollback", MODEL).stderr


def keep_the_schedule(account: Account) -> str:
    """GitLab's weekly schedule, to which no model belongs."""
    return account.modelway("ci", "retrain-all", "--schedule", "weekly", variables=account.stack.environment()).stdout


def scan(account: Account, folder: Path) -> str:
    """GitLab's job `scan-image` on the image of a training, of which the loopback has no findings."""
    [key, *_] = [key for key in account.keys(f"records/{MODEL}/") if key.endswith("/request.json")]
    request = json.loads(account.client("s3").get_object(Bucket=ARTIFACTS, Key=key)["Body"].read())
    (folder / "image.json").write_text(json.dumps(request["image"]))
    return account.modelway("ci", "scan", variables={**account.stack.environment(), "MODELWAY_OUT": str(folder)}).stdout


def look(account: Account) -> None:
    """What a person may: reports, logs, alarms, dashboards, what there is, and a request to an endpoint."""
    account.modelway("invoke", MODEL, "--file", str(ROOT / "examples" / MODEL / "samples" / "request.json"))
    assert account.modelway("lineage", MODEL).stdout
    s3, logs, sagemaker, metrics = (account.client(name, PERSON) for name in ("s3", "logs", "sagemaker", "cloudwatch"))
    listed = s3.list_objects_v2(Bucket=ARTIFACTS, Prefix=f"records/{MODEL}/")["Contents"]
    [report, *_] = [entry["Key"] for entry in listed if entry["Key"].endswith("report.html")]
    assert b"<svg" in s3.get_object(Bucket=ARTIFACTS, Key=report)["Body"].read()
    group = "/aws/sagemaker/TrainingJobs"
    [event, *_] = logs.filter_log_events(logGroupName=group)["events"]
    assert logs.get_log_events(logGroupName=group, logStreamName=event["logStreamName"])["events"]
    for listing in ("endpoints", "models", "processing_jobs", "training_jobs"):
        getattr(sagemaker, f"list_{listing}")()
    live = sagemaker.describe_endpoint(EndpointName=f"modelway-{MODEL}")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=live["EndpointConfigName"])
    sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    [board, *_] = metrics.list_dashboards()["DashboardEntries"]
    metrics.get_dashboard(DashboardName=board["DashboardName"])
    assert metrics.describe_alarms(AlarmNamePrefix=f"modelway-local-{MODEL}")["MetricAlarms"]
    metrics.list_metrics(Namespace="AWS/SageMaker")
    metric = {"Namespace": "AWS/SageMaker", "MetricName": "Invocations"}
    query = {"Id": "sent", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    now = datetime.now(UTC)
    metrics.get_metric_data(MetricDataQueries=[query], StartTime=now - timedelta(hours=1), EndTime=now)
