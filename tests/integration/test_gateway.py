"""The gateway as a process of its own in front of moto, spoken to with boto3 and plain HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from modelway_local.gateway.server import delivery_path
from modelway_local.iam.credentials import Keyring

pytestmark = pytest.mark.integration

HANDLER = """
import os, sys, time

def handler(event, context):
    print("got", event)
    if event.get("do") == "raise":
        raise ValueError("no such model")
    if event.get("do") == "exit":
        os._exit(3)
    if event.get("do") == "sleep":
        time.sleep(30)
    return {"event": event, "pid": os.getpid(), "who": os.environ["WHO"], "name": context.function_name}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Airflow(BaseHTTPRequestHandler):
    """Logs in, then answers by path; the first token is stale from the start."""

    protocol_version = "HTTP/1.1"
    tokens = 0
    valid = "token-2"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, said = self._decide(json.loads(body) if body else None)
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _answer  # noqa: N815

    def _decide(self, body: Any) -> tuple[int, Any]:
        if self.path == "/auth/token":
            if body != {"username": "modelway", "password": "right"}:
                return 401, {"detail": "wrong"}
            Airflow.tokens += 1
            return 201, {"access_token": f"token-{Airflow.tokens}"}
        if self.headers["Authorization"] != f"Bearer {Airflow.valid}":
            return 401, {"detail": "stale"}
        if self.path == "/api/v2/version":
            return 200, {"version": "3.2.1"}
        if self.path == "/api/v2/broken":
            return 500, {"detail": "broken"}
        if self.path.startswith("/api/v2/dags/deploy"):
            return 200, {"path": self.path, "body": body}
        return 404, {"detail": "no such DAG"}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class Stack:
    """Addresses of the processes under test."""

    def __init__(self, home: Path, port: int, moto_port: int) -> None:
        self.home, self.port = home, port
        self.url = f"http://127.0.0.1:{port}"
        self.moto_url = f"http://127.0.0.1:{moto_port}"

    @property
    def deliveries(self) -> str:
        return delivery_path(Keyring(self.home))

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name="eu-west-1",
            **Keyring(self.home).of().arguments(),
            config=Config(inject_host_prefix=False, retries={"total_max_attempts": 1}),
        )

    def get(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        return urllib3.request(method, self.url + path, retries=False, **options)


def wait_until(condition: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "gave up waiting"
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("home")
    airflow = ThreadingHTTPServer(("127.0.0.1", 0), Airflow)
    threading.Thread(target=airflow.serve_forever, daemon=True).start()
    found = Stack(home, free_port(), free_port())
    moto_port = found.moto_url.rsplit(":", 1)[1]
    folder = home / "echo"
    folder.mkdir()
    (folder / "handler.py").write_text(HANDLER)
    entry = {"folder": str(folder), "handler": "handler.handler", "environment": {"WHO": "me"}}
    lambdas = {"echo": entry, "short": {**entry, "timeout": 1}, "broken": {**entry, "handler": "absent.handler"}}
    (home / "lambdas.json").write_text(json.dumps(lambdas))
    (home / "stack.json").write_text(json.dumps({"airflow_url": f"http://127.0.0.1:{airflow.server_address[1]}"}))
    login = {"MODELWAY_LOCAL_AIRFLOW_USER": "modelway", "MODELWAY_LOCAL_AIRFLOW_PASSWORD": "right"}
    gateway_command = ["--home", str(home), "--port", str(found.port), "--moto-url", found.moto_url]
    processes = [
        subprocess.Popen([sys.executable, "-m", *command], env={**os.environ, **login}, stdout=subprocess.DEVNULL)
        for command in (
            ["moto.server", "-H", "127.0.0.1", "-p", moto_port],
            ["modelway_local.gateway", *gateway_command],
        )
    ]
    try:
        wait_until(lambda: listens(int(moto_port)) and listens(found.port))
        yield found
        processes[1].send_signal(signal.SIGTERM)
        assert processes[1].wait(10) == 0
    finally:
        for process in processes:
            process.kill()
            process.wait()
        airflow.shutdown()


def test_health(stack: Stack) -> None:
    answer = stack.get("GET", "/_local/health")
    assert (answer.status, answer.json()) == (200, {"status": "ok", "moto": True})
    assert answer.headers["x-amzn-RequestId"]


def test_registry_answers(stack: Stack) -> None:
    token = stack.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    headers = {"Authorization": f"Basic {token}"}
    assert stack.get("GET", "/v2/", headers=headers).status == 200
    assert stack.get("GET", "/v2/modelway/absent/tags/list", headers=headers).status == 404


def test_s3_round_trip(stack: Stack) -> None:
    s3 = stack.client("s3")
    s3.create_bucket(Bucket="things", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    content = os.urandom(5 << 20)
    s3.put_object(Bucket="things", Key="a b/ü.bin", Body=content)
    assert s3.get_object(Bucket="things", Key="a b/ü.bin")["Body"].read() == content
    assert s3.head_object(Bucket="things", Key="a b/ü.bin")["ContentLength"] == len(content)
    s3.delete_object(Bucket="things", Key="a b/ü.bin")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="things", Key="a b/ü.bin")


def test_chunked_body_and_keep_alive(stack: Stack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack.port)
    for _ in range(2):
        body = iter([b'{"text": ', b'"hello"}'])
        headers = {"Transfer-Encoding": "chunked"}
        connection.request("POST", f"{stack.deliveries}/slack/webhook", body, headers, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"ok")
    connection.request("GET", "/_local/health")
    assert connection.getresponse().status == 200


def test_expect_100_continue(stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as client:
        client.sendall(
            f"POST {stack.deliveries}/slack/webhook HTTP/1.1\r\n"
            "Host: [::1]\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        client.sendall(b'{"text":"x"}')
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


def test_sns_reaches_the_mailbox(stack: Stack) -> None:
    sns = stack.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=f"{stack.url}{stack.deliveries}/mailbox")
    sns.publish(TopicArn=topic, Subject="Trained", Message="fraud 1.2.3 is ready")
    wait_until(lambda: list((stack.home / "mailbox").glob("*.json")), 5)
    (path,) = (stack.home / "mailbox").glob("*.json")
    message = json.loads(path.read_text())
    assert (message["subject"], message["message"]) == ("Trained", "fraud 1.2.3 is ready")
    assert message["timestamp"]
    assert stack.get("GET", f"{stack.deliveries}/mailbox").json() == [message]


def test_slack_refuses_what_slack_refuses(stack: Stack) -> None:
    for body, said in ((b"not json", b"invalid_payload"), (b"[]", b"invalid_payload"), (b"{}", b"no_text")):
        answer = stack.get("POST", f"{stack.deliveries}/slack/webhook", body=body)
        assert (answer.status, answer.data) == (400, said)


def test_secrets_manager(stack: Stack) -> None:
    secrets = stack.client("secretsmanager")
    secrets.create_secret(Name="modelway/test/secret", SecretString="quiet")
    assert secrets.get_secret_value(SecretId="modelway/test/secret")["SecretString"] == "quiet"


def test_unknown_operation_is_named(stack: Stack) -> None:
    with pytest.raises(ClientError, match="ListClusters") as caught:
        stack.client("sagemaker").list_clusters()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_sagemaker_and_its_runtime(stack: Stack) -> None:
    assert stack.client("sagemaker").list_models()["Models"] == []
    with pytest.raises(ClientError, match="absent") as caught:
        stack.client("sagemaker-runtime").invoke_endpoint(EndpointName="absent", Body=b"{}")
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_ecr(stack: Stack) -> None:
    made = stack.client("ecr").create_repository(repositoryName="modelway/fraud")["repository"]
    assert made["repositoryUri"] == f"127.0.0.1:{stack.port}/modelway/fraud"


def test_bad_json_is_the_callers_fault(stack: Stack) -> None:
    sagemaker = stack.client("sagemaker")
    sagemaker.meta.events.register("before-sign", lambda request, **_: setattr(request, "data", b"{"))
    with pytest.raises(ClientError, match="ValidationException"):
        sagemaker.list_models()


def test_web_pages_are_refused(stack: Stack) -> None:
    assert stack.get("POST", f"{stack.deliveries}/slack/webhook", headers={"Origin": "https://evil.test"}).status == 403


def invoke(stack: Stack, event: Any, name: str = "echo", **options: Any) -> tuple[dict[str, Any], Any]:
    answer = stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **options)
    return answer, json.loads(answer["Payload"].read() or b"null")


def test_lambda_stays_warm(stack: Stack) -> None:
    first, second = invoke(stack, {"n": 1}, LogType="Tail"), invoke(stack, {"n": 2})
    assert first[1] == {"event": {"n": 1}, "pid": second[1]["pid"], "who": "me", "name": "echo"}
    assert "FunctionError" not in first[0]
    assert b"got {'n': 1}" in base64.b64decode(first[0]["LogResult"])


def test_lambda_by_arn(stack: Stack) -> None:
    assert invoke(stack, {}, "arn:aws:lambda:eu-west-1:123456789012:function:echo")[1]["who"] == "me"


def test_lambda_raises(stack: Stack) -> None:
    answer, said = invoke(stack, {"do": "raise"})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (said["errorType"], said["errorMessage"]) == ("ValueError", "no such model")
    assert "handler.py" in said["stackTrace"][0]


def test_lambda_survives_a_crash(stack: Stack) -> None:
    assert invoke(stack, {"do": "exit"})[1]["errorType"] == "Runtime.ExitError"
    assert invoke(stack, {})[1]["who"] == "me"


def test_lambda_times_out(stack: Stack) -> None:
    assert "timed out after 1.00" in invoke(stack, {"do": "sleep"}, "short")[1]["errorMessage"]


def test_lambda_without_its_module(stack: Stack) -> None:
    assert invoke(stack, {}, "broken")[1]["errorType"] == "Runtime.ImportModuleError"


def test_lambda_event_is_accepted(stack: Stack) -> None:
    assert invoke(stack, {}, InvocationType="Event")[0]["StatusCode"] == 202


def test_unknown_lambda_is_motos(stack: Stack) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        invoke(stack, {}, "absent")


def test_mwaa_passes_calls_to_airflow(stack: Stack) -> None:
    mwaa = stack.client("mwaa")
    for _ in range(2):
        answer = mwaa.invoke_rest_api(
            Name="modelway-local",
            Path="/dags/deploy/dagRuns",
            Method="POST",
            QueryParameters={"limit": 1},
            Body={"logical_date": None},
        )
        assert answer["RestApiStatusCode"] == 200
        said = {"path": "/api/v2/dags/deploy/dagRuns?limit=1", "body": {"logical_date": None}}
        assert answer["RestApiResponse"] == said
        # The second time the token is stale.
        Airflow.valid = "token-3"


def test_mwaa_errors(stack: Stack) -> None:
    mwaa = stack.client("mwaa")
    with pytest.raises(mwaa.exceptions.RestApiClientException) as client_error:
        mwaa.invoke_rest_api(Name="modelway-local", Path="/dags/absent", Method="GET")
    assert client_error.value.response["RestApiStatusCode"] == 404
    assert client_error.value.response["RestApiResponse"] == {"detail": "no such DAG"}
    with pytest.raises(mwaa.exceptions.RestApiServerException):
        mwaa.invoke_rest_api(Name="modelway-local", Path="/broken", Method="GET")
    with pytest.raises(ClientError, match="CreateCliToken"):
        mwaa.create_cli_token(Name="modelway-local")


def test_mwaa_describes_its_environment(stack: Stack) -> None:
    environment = stack.client("mwaa").get_environment(Name="modelway-local")["Environment"]
    assert (environment["Status"], environment["AirflowVersion"]) == ("AVAILABLE", "3.2.1")


def test_the_real_trigger_asks_airflow_through_the_gateway(stack: Stack) -> None:
    settings = {
        "MODELWAY_DATA_BUCKET": "data",
        "MODELWAY_ARTIFACTS_BUCKET": "artifacts",
        "MODELWAY_JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/modelway-local-job",
        "MODELWAY_ENDPOINT_ROLE_ARN": "arn:aws:iam::123456789012:role/modelway-local-endpoint",
        "MODELWAY_SIGNING_KEY_ID": "alias/modelway-local-signing",
        "MODELWAY_SNS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:modelway-local-notifications",
    }
    folder = Path(__file__).parents[2] / "lambdas" / "trigger_dag"
    path = stack.home / "lambdas.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "trigger": {"folder": str(folder), "environment": settings}})
    )
    answer, said = invoke(stack, {"dag_id": "drop_tables", "conf": {}}, "trigger")
    assert (answer.get("FunctionError"), said["errorType"]) == ("Unhandled", "DagNotAllowed")
    _, said = invoke(stack, {"dag_id": "train_evaluate", "dag_run_id": "absent"}, "trigger")
    assert said["errorType"] == "DagNotFound", said
