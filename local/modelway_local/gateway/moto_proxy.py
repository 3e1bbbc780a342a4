"""All that the gateway does not do itself: passed to moto as it came, Host header included.

moto's address is `unix:///path/of/its/socket` (stack/moto_process.py says why), or `http://host:port`.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from urllib3.util.url import parse_url

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import CHUNK, Answer, Request

CONDITIONS = {"if-match", "if-none-match"}
# They concern one connection only (RFC 9110, 7.6.1); the gateway has answered Expect itself.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect"}
EXISTS = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>PreconditionFailed</Code>'
    b"<Message>At least one of the pre-conditions you specified did not hold</Message>"
    b"<Condition>If-None-Match</Condition></Error>"
)
TIMEOUT_SECONDS = 120.0
SCHEME = "unix://"
# What a client on the socket believes to speak to: an IP address, so that S3 has buckets in the path.
SOCKET_URL = "http://127.0.0.1"
# moto's own pages (what it holds, how to reset it) are no part of AWS.
OWN_PAGES = "/moto-api"


class MotoProxy:
    """Streams requests to moto and its answers back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._conditional_writes = tuple(threading.Lock() for _ in range(64))

    def reachable(self) -> bool:
        """Whether something listens at moto's address."""
        connection = _connection(self._url, 1.0)
        try:
            connection.connect()
        except OSError:
            return False
        finally:
            connection.close()
        return True

    def forward(self, request: Request) -> Answer:
        """Moto's answer. Raises AwsError: 404 for moto's own pages, 503 if moto does not give an answer."""
        if request.path.startswith(OWN_PAGES):
            raise AwsError("NotFound", f"the gateway serves nothing at {request.path}", 404)
        connection = _connection(self._url, TIMEOUT_SECONDS)
        try:
            with self._alone(request):
                if self._copies_over_another(request):
                    connection.close()
                    return 412, {"Content-Type": "application/xml"}, EXISTS
                self._send(connection, request)
                response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise AwsError("ServiceUnavailable", f"moto did not answer: {error!r}", 503) from error
        headers = {name: value for name, value in response.getheaders() if _passed_on(name.lower())}
        return response.status, headers, _pieces(connection, response)

    def _alone(self, request: Request) -> AbstractContextManager[Any]:
        """A lock for a conditional write: moto asks first and writes later, so of two at once both could succeed.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        if request.method in ("PUT", "POST") and CONDITIONS & {name.lower() for name, _ in request.raw_headers}:
            return self._conditional_writes[hash(request.path) % len(self._conditional_writes)]
        return nullcontext()

    def _copies_over_another(self, request: Request) -> bool:
        """Whether a CopyObject that may only create would replace an object: moto looks at its source alone."""
        headers = request.headers
        if "x-amz-copy-source" not in headers or headers.get("if-none-match") != "*" or "partNumber" in request.target:
            return False
        asked = _connection(self._url, TIMEOUT_SECONDS)
        try:
            same: dict[str, str] = {name: headers[name] for name in ("host", "authorization") if name in headers}
            asked.request("HEAD", request.target, headers=same)
            return asked.getresponse().status == 200
        finally:
            asked.close()

    def _send(self, connection: http.client.HTTPConnection, request: Request) -> None:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.raw_headers:
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        chunked = "chunked" in request.headers.get("transfer-encoding", "").lower()
        connection.endheaders(request.body.pieces(), encode_chunked=chunked)

    def confirm(self, topic_arn: str, token: str) -> None:
        """SNS's ConfirmSubscription. Raises AwsError 503 if moto does not answer, 400 if it refuses."""
        sns = client(self._url, "sns", "mailbox")
        try:
            sns.confirm_subscription(TopicArn=topic_arn, Token=token)
        except EndpointConnectionError as error:
            raise AwsError("ServiceUnavailable", f"moto did not answer: {error!r}", 503) from error
        except sns.exceptions.ClientError as error:
            raise AwsError("InvalidParameter", str(error)) from error


def _passed_on(name: str) -> bool:
    """Leave to pages of other origins, which moto gives to all, is the gateway's to give, and it gives none."""
    return name not in HOP_BY_HOP | {"transfer-encoding", "server", "date"} and not name.startswith("access-control-")


def _connection(url: str, timeout: float) -> http.client.HTTPConnection:
    if url.startswith(SCHEME):
        return _SocketConnection(url.removeprefix(SCHEME), timeout)
    split = urlsplit(url)
    return http.client.HTTPConnection(split.hostname or "127.0.0.1", split.port or 80, timeout=timeout)


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("127.0.0.1", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = _connected(self._path, self.timeout)


def _connected(path: str, timeout: float | None) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(timeout)
    try:
        connected.connect(path)
    except OSError:
        connected.close()
        raise
    return connected


def _pieces(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(CHUNK):
            yield piece
    finally:
        connection.close()


def client(url: str, service: str, access_key: str, config: Config | None = None) -> Any:
    """A boto3 client that speaks to moto itself; the key says which role the calls are made for."""
    made = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=SOCKET_URL if url.startswith(SCHEME) else url,
        region_name="eu-west-1",
        aws_access_key_id=access_key,
        aws_secret_access_key="local",  # noqa: S106 - moto takes any key
        config=config,
    )
    if url.startswith(SCHEME):
        made.meta.events.register_last("before-send", _Sender(url.removeprefix(SCHEME)))
    return made


class _Sender:
    """Sends botocore's requests to a Unix socket, which botocore itself cannot: a handler of its event before-send."""

    def __init__(self, path: str) -> None:
        class Connection(urllib3.connection.HTTPConnection):
            """A connection of this sender's pool."""

            def connect(self) -> None:
                self.sock = _connected(path, float(TIMEOUT_SECONDS))

        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", maxsize=32, timeout=TIMEOUT_SECONDS, retries=False)
        self._pool.ConnectionCls = Connection

    def __call__(self, request: Any, **_kwargs: Any) -> AWSResponse:
        url = parse_url(request.url)
        try:
            answer = self._pool.urlopen(
                request.method,
                url.request_uri,
                body=request.body,
                headers={name: _text(value) for name, value in request.headers.items()},
                preload_content=False,
                decode_content=False,
                chunked="Transfer-Encoding" in request.headers,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise EndpointConnectionError(endpoint_url=request.url, error=error) from error
        response = AWSResponse(request.url, answer.status, answer.headers, answer)  # type: ignore[arg-type]
        if not request.stream_output:
            _ = response.content  # read now: the connection is free for the next request
        return response


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
