"""`modelway demo`: the life of a model in four acts, each checked as it happens.

Nothing is asserted from what a step says of itself alone: the endpoint is asked, the mailbox and Slack are read, and a
thread sends requests for as long as the endpoint is updated.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console as RichConsole
from rich.table import Table

from modelway.cli.console import Console
from modelway.contracts import DeploymentRecord, TrainingRecord, Verdict
from modelway.errors import PlatformError, UserError
from modelway.pipeline.run import PipelineRun
from modelway.pipeline.runs import DagRunFailed
from modelway.platform import Platform
from modelway_local.stack.actors import PERSON
from modelway_local.stack.layout import CHECKOUT, DEFAULT_AIRFLOW_PORT, DEFAULT_PORT, Stack, default_home, running
from modelway_local.stack.lifecycle import down, up
from modelway_local.stack.resources import client

MODEL = "breast-cancer"
ENDPOINT = f"modelway-{MODEL}"
EXAMPLES = CHECKOUT / "examples"
AUTHOR = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")
NOTICE_SECONDS = 60.0


@dataclass
class Act:
    """One row of the summary."""

    title: str
    version: str = ""
    metrics: str = ""
    decision: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


class Traffic:
    """Requests to the endpoint, one after another, until `stop`; failures are kept."""

    def __init__(self, runtime: Any, body: bytes) -> None:
        self._runtime, self._body = runtime, body
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.sent = 0
        self.failures: list[str] = []
        self.served_by: list[str] = []
        self._thread.start()

    def _send(self) -> None:
        while not self._stop.wait(0.02):
            self.sent += 1
            try:
                answer = _asked(self._runtime, self._body)
                json.loads(answer["Body"].read())
            except Exception as error:  # noqa: BLE001 - any failed request is what is counted
                self.failures.append(f"{type(error).__name__}: {error}")
                continue
            served = answer.get("CustomAttributes", "")
            if served not in self.served_by:
                self.served_by.append(served)

    def stop(self) -> None:
        """End, after the request under way."""
        self._stop.set()
        self._thread.join(30)


def check(holds: object, what: str) -> None:
    """Raise PlatformError unless `holds`: a demo that is not right must not end well."""
    if not holds:
        raise PlatformError(f"the demo went wrong: {what}", fix="modelway notifications; modelway status")


class Demo:
    """The acts, over one stack and one repo."""

    def __init__(self, stack: Stack, repo: Path) -> None:
        self._stack, self._repo = stack, repo
        self._home = Path(stack.home)
        self._platform = Platform.from_environment()
        self._console = Console()
        self._acts: list[Act] = []
        # A person looks and asks; the data is put there by whoever owns the account.
        self._runtime = client(stack, "sagemaker-runtime", PERSON)
        self._sagemaker = client(stack, "sagemaker", PERSON)

    # The acts

    def play(self) -> None:
        """All four, then the summary."""
        self._act("1  the first commit", self._first)
        self._act("2  a better model, endpoint updated under load", self._better)
        self._act("3  retrain, as the schedule does", self._retrained)
        self._act("4  a training script that raises", self._broken)
        self._summary()

    def _act(self, title: str, play: Callable[[PipelineRun, Act], None]) -> None:
        self._console.say(f"\nAct {title}")
        pipeline, act = PipelineRun(self._platform, self._console), Act(title)
        play(pipeline, act)
        act.seconds = pipeline.record["seconds"]
        self._acts.append(act)

    def _first(self, pipeline: PipelineRun, act: Act) -> None:
        self._commit("1-first")
        self._upload_data()
        trained = pipeline.commit(self._repo)
        self._note(act, trained)
        check(trained.model_version == "1.0.0+r0", f"the first version is {trained.model_version}, not 1.0.0+r0")
        check(trained.decision.verdict is Verdict.FIRST, f"the verdict is {trained.decision.verdict}")
        self._told(trained.model_version, f"{trained.evaluation.metrics[0].candidate:.4f}"[:5])
        deployed = pipeline.deploy(MODEL, trained.model_version)
        self._serves(deployed, trained, "created")

    def _better(self, pipeline: PipelineRun, act: Act) -> None:
        self._commit("2-better")
        trained = pipeline.commit(self._repo)
        self._note(act, trained)
        check(trained.model_version == "1.1.0+r0", f"the second version is {trained.model_version}, not 1.1.0+r0")
        check(trained.evaluation.champion_version == "1.0.0+r0", "the champion was not the deployed 1.0.0")
        check(trained.decision.verdict is Verdict.BETTER, f"the verdict is {trained.decision.verdict}")
        self._told(trained.model_version, "")
        traffic = Traffic(self._runtime, self._request())
        try:
            time.sleep(0.5)
            deployed = pipeline.deploy(MODEL, trained.model_version)
            time.sleep(0.5)
        finally:
            traffic.stop()
        check(
            not traffic.failures, f"{len(traffic.failures)} of {traffic.sent} requests failed: {traffic.failures[:1]}"
        )
        check(len(traffic.served_by) == 2, f"requests met {len(traffic.served_by)} versions, not the old and the new")
        self._console.say(f"    {traffic.sent} requests during the update, none failed")
        self._serves(deployed, trained, "updated")

    def _retrained(self, pipeline: PipelineRun, act: Act) -> None:
        before = set(self._images())
        trained = pipeline.retrain(MODEL)
        self._note(act, trained)
        check(trained.model_version == "1.1.0+r1", f"the retrained version is {trained.model_version}, not 1.1.0+r1")
        check(set(self._images()) == before, "a retrain pushed an image")
        self._told(trained.model_version, "")

    def _broken(self, pipeline: PipelineRun, act: Act) -> None:
        self._commit("3-broken")
        try:
            pipeline.commit(self._repo)
        except DagRunFailed as error:
            reason = str(error).splitlines()[0].split("AlgorithmError: ")[-1].split(", exit code")[0]
            self._console.say(f"    failed as it should: {reason}")
        else:
            check(False, "the broken training script was accepted")
        act.version, act.decision = str(pipeline.record.get("version", "")), "failed on purpose"
        check(len(reason) > 10, "the failure has no reason")
        self._told(reason[:60], "failed")
        live = self._sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        check(live["EndpointStatus"] == "InService", "the endpoint is not in service after a failed training")

    # What the acts share

    def _commit(self, name: str) -> None:
        source = EXAMPLES / MODEL if name == "1-first" else EXAMPLES / f"{MODEL}-commits" / name
        shutil.copytree(
            source, self._repo, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
        )
        message = (EXAMPLES / f"{MODEL}-commits" / f"{name}.txt").read_text()
        if not (self._repo / ".git").exists():
            self._git("init", "--quiet", "--initial-branch=main")
        self._git("add", "--all")
        self._git(*AUTHOR, "commit", "--quiet", "--message", message)
        self._console.say(f"    commit: {message.splitlines()[0]}")

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self._repo), *arguments], check=True, capture_output=True)

    def _upload_data(self) -> None:
        folder = self._home / "demo-data"
        subprocess.run([sys.executable, str(self._repo / "data.py"), str(folder)], check=True, capture_output=True)
        s3 = client(self._stack, "s3")
        for channel in ("train", "test"):
            s3.upload_file(
                str(folder / channel / "data.csv"), self._platform.data_bucket, f"{MODEL}/{channel}/data.csv"
            )

    def _request(self) -> bytes:
        return (self._repo / "samples" / "request.json").read_bytes()

    def _images(self) -> list[str]:
        found = boto3.client("ecr").list_images(repositoryName=f"{self._platform.project}/{MODEL}")
        return [image["imageDigest"] for image in found["imageIds"]]

    def _note(self, act: Act, trained: TrainingRecord) -> None:
        act.version, act.decision = trained.model_version, trained.decision.verdict.value.replace("_", " ")
        act.metrics = "  ".join(f"{metric.name} {metric.candidate:.3f}" for metric in trained.evaluation.metrics)
        for metric in trained.evaluation.metrics:
            line = f"    {metric.name:<10} {metric.candidate:.4f}"
            if metric.champion is not None and metric.difference is not None:
                line += f"  champion {metric.champion:.4f}  difference {metric.difference:+.4f}"
            self._console.say(line)

    def _told(self, *words: str) -> None:
        """Both channels carry every word in one message; announcements may trail the run by a moment."""
        deadline = time.monotonic() + NOTICE_SECONDS
        lacking = ["sns", "slack"]
        while lacking and time.monotonic() < deadline:
            lacking = [name for name, folder in self._channels() if not _one_has(folder, words)]
            time.sleep(0.1)
        check(not lacking, f"{' and '.join(lacking)} got no message with {' and '.join(filter(None, words))!r}")
        self._console.say("    SNS and Slack were told")

    def _channels(self) -> tuple[tuple[str, Path], ...]:
        return ("sns", self._home / "mailbox"), ("slack", self._home / "slack")

    def _serves(self, deployed: DeploymentRecord, trained: TrainingRecord, action: str) -> None:
        check(deployed.action == action, f"the endpoint was {deployed.action}, not {action}")
        answer = _asked(self._runtime, self._request())
        check(trained.image_digest in answer.get("CustomAttributes", ""), "the endpoint serves another image")
        self._told(trained.model_version, ENDPOINT)

    def _summary(self) -> None:
        table = Table(title="The life of a model")
        for column in ("act", "version", "metrics", "decision", "seconds per stage"):
            table.add_column(column, overflow="fold")
        for act in self._acts:
            stages = "  ".join(f"{name} {seconds:.1f}" for name, seconds in act.seconds.items())
            table.add_row(act.title, act.version, act.metrics, act.decision, stages)
        out = RichConsole(width=None if sys.stdout.isatty() else 140)
        out.print(table)
        answer = _asked(self._runtime, self._request())
        report = self._save_report()
        print(f"the endpoint answers   {answer['Body'].read().decode()[:200]}")
        print(f"                       {answer.get('CustomAttributes', '')}")
        print(f"mailbox (SNS)          {self._home}/mailbox")
        print(f"Slack messages         {self._home}/slack")
        print(f"evaluation report      {report}")
        print(f"Airflow                {self._stack.airflow_url}  (passwords: {self._home}/airflow/passwords.json)")
        print("stop the stack         make down")

    def _save_report(self) -> Path:
        """The newest comparison's report, as a file that a browser opens."""
        pipeline = PipelineRun(self._platform, self._console)
        package = pipeline.releases.package(MODEL, "1.1.0+r0")
        from modelway.versioning import locations

        key = locations.report_key(pipeline.releases.training_request(package))
        html = pipeline.releases.text(locations.artifact_uri(self._platform, key))
        check("<svg" in html, "the evaluation report has no plots")
        path = self._home / "report.html"
        path.write_text(html)
        return path


def _asked(runtime: Any, body: bytes) -> Any:
    return runtime.invoke_endpoint(EndpointName=ENDPOINT, Body=body, ContentType="application/json")


def _one_has(folder: Path, words: tuple[str, ...]) -> bool:
    for path in folder.glob("*.json"):
        text = json.dumps(json.loads(path.read_text()), ensure_ascii=False)
        if all(word in text or json.dumps(word)[1:-1] in text for word in words):
            return True
    return False


def _refuse_to_discard(stack: Stack) -> None:
    """Raises UserError when the stack that runs holds jobs, models or data that are not the demo's."""
    jobs = client(stack, "sagemaker").get_paginator("list_training_jobs").paginate()
    named = {job["TrainingJobName"] for page in jobs for job in page["TrainingJobSummaries"]}
    data = client(stack, "s3").list_objects_v2(Bucket=Platform.from_environment().data_bucket, Delimiter="/")
    prefixes = {entry["Prefix"].rstrip("/") for entry in data.get("CommonPrefixes", [])} | {
        entry["Key"] for entry in data.get("Contents", [])
    }
    others = {job for job in named if not job.startswith(f"{MODEL}-")} | (prefixes - {MODEL})
    if others:
        few = ", ".join(sorted(others)[:5])
        raise UserError(
            f"the stack that runs in {stack.home} holds {few}, and the demo starts from an empty one",
            fix="modelway down, then again; or give the demo a place of its own: MODELWAY_HOME=/some/folder",
        )


def demonstrate(port: int = DEFAULT_PORT, airflow_port: int = DEFAULT_AIRFLOW_PORT, *, terraform: bool = False) -> None:
    """Bring up a fresh stack and play; the stack is left running. With `terraform` each actor has its own role only.

    Raises UserError when a stack runs that holds somebody's models, PlatformError when anything was not right.
    """
    home, console = default_home(), Console()
    started = time.monotonic()
    if (stack := running(home)) is not None:
        os.environ.update(stack.environment())
        _refuse_to_discard(stack)
        down(home)
    console.begin("up")
    stack = up(home, port, airflow_port, console.step, terraform=terraform)
    console.end("up", stack.ready_seconds, f"AWS {stack.gateway_url}  Airflow {stack.airflow_url}")
    play(stack)
    print(f"all of it was seen to be right, in {time.monotonic() - started:.0f} s")


def play(stack: Stack) -> None:
    """All acts on a stack that runs and is empty. Raises PlatformError when anything was not right."""
    os.environ.update(stack.environment())
    repo = Path(stack.home) / "demo-repo"
    shutil.rmtree(repo, ignore_errors=True)
    repo.mkdir(parents=True)
    Demo(stack, repo).play()
