"""The gateway's HTTP server, and which service answers what."""

from __future__ import annotations

import os
import socketserver
import sys
import traceback
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from modelway_local.gateway.errors import JSON_CONTENT_TYPE, AwsError, UnknownOperationError
from modelway_local.gateway.exchange import Answer, Body, Request, json_answer
from modelway_local.gateway.functions import Functions
from modelway_local.gateway.mailbox import Mailbox, SlackWebhook
from modelway_local.gateway.moto_proxy import MotoProxy
from modelway_local.gateway.mwaa import Mwaa
from modelway_local.gateway.pages import NO_PAGE, refusal
from modelway_local.iam.acting import Acting
from modelway_local.iam.credentials import Credentials, Keyring
from modelway_local.iam.doorkeeper import Doorkeeper, registry_refusal
from modelway_local.registry.app import RegistryApp
from modelway_local.registry.ecr_api import EcrApi
from modelway_local.registry.store import RegistryStore
from modelway_local.runtime import engine
from modelway_local.sagemaker.api import SageMaker

BODILESS = {204, 304}


class Gateway:
    """The services behind one port."""

    def __init__(
        self,
        home: Path,
        port: int,
        moto_url: str,
        airflow_url: str = "",
        acting: Callable[[Keyring, str], Acting] | None = None,
    ) -> None:
        """`acting`: the clients of the roles that jobs run as, given the keys and this gateway's address."""
        self.keyring = Keyring(home)
        self._doorkeeper = Doorkeeper(self.keyring)
        self._moto = MotoProxy(moto_url)
        self._registry = RegistryApp(home)
        self._ecr = EcrApi(home, port)
        runtime = engine.Runtime(os.environ.get(engine.RUNTIME_VARIABLE) or engine.Runtime.PROCESS)
        if runtime is engine.Runtime.DOCKER:
            engine.sweep(home)  # what a gateway that was killed left running
        url = f"http://127.0.0.1:{port}"
        unpack = engine.unpacker(RegistryStore(home), runtime)
        self._sagemaker = SageMaker(home, moto_url, unpack, acting(self.keyring, url) if acting else None)
        self._functions = Functions(home, url, self.keyring)
        self._mwaa = Mwaa(home, airflow_url)
        self._local: dict[str, Callable[[Request], Answer]] = {
            "/_local/health": self._health,
            f"{delivery_path(self.keyring)}/mailbox": Mailbox(home, self._moto.confirm).handle,
            f"{delivery_path(self.keyring)}/slack/webhook": SlackWebhook(home).handle,
        }

    def answer(self, request: Request) -> Answer:
        """Answer one request; whatever goes wrong becomes an AWS error."""
        try:
            return self._admitted(request)
        except AwsError as error:
            return error.status, error.headers(), error.body()
        except Exception as error:  # noqa: BLE001 - the client gets a 500, the log the reason
            print(f"{request.method} {request.target} failed:", traceback.format_exc(), file=sys.stderr, flush=True)
            failure = AwsError("InternalFailure", f"the local gateway failed: {error!r}", 500)
            return failure.status, failure.headers(), failure.body()

    def _admitted(self, request: Request) -> Answer:
        """The answer to whom the stack's keys, or a token of its registry, let in."""
        path = request.path
        if path.startswith("/_local/"):
            if path not in self._local:
                raise AwsError("NotFound", f"the gateway serves nothing at {path}", 404)
            return self._local[path](request)
        if path == "/v2" or path.startswith("/v2/"):
            return self._registry_answer(request)
        request, credentials = self._doorkeeper.admit(request)
        return self._authorised(request, credentials)

    def _registry_answer(self, request: Request) -> Answer:
        credentials = self._doorkeeper.admit_to_registry(request)
        if credentials is None:
            return registry_refusal()
        if denied := self._registry_denial(request, credentials):
            return registry_refusal(denied, 403)
        return self._registry.handle(request.method, request.target, request.headers, cast(IO[bytes], request.body))

    def _registry_denial(self, request: Request, credentials: Credentials) -> str:  # noqa: ARG002 - no roles here
        """Why the caller may not; empty when it may. Without Terraform there are no roles, so whoever has keys may."""
        return ""

    def _authorised(self, request: Request, credentials: Credentials) -> Answer:
        """The answer to a caller who is known."""
        return self._route(request, credentials)

    def _route(self, request: Request, credentials: Credentials) -> Answer:
        return (
            self._json_service(request, credentials)
            or self._runtime(request)
            or self._mwaa.handle(request)
            or self._functions.handle(request)
            or self._moto.forward(request)
        )

    def _json_service(self, request: Request, credentials: Credentials) -> Answer | None:
        """The services of AWS's JSON protocol that live here, chosen by X-Amz-Target."""
        target = request.headers.get("x-amz-target", "")
        service, _, operation = target.partition(".")
        if service == "SageMaker":
            result = self._sagemaker.call(operation, request.document())
        elif target == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken":
            result = self._ecr.authorization(*self._doorkeeper.registry_token(credentials))
        elif service == "AmazonEC2ContainerRegistry_V20150921":
            result = self._ecr.handle(operation, request.document())
        elif service == "AnyScaleFrontendService":
            result = self._sagemaker.scaling.call(operation, request.document())
        else:
            return None
        return json_answer(result, headers={"Content-Type": JSON_CONTENT_TYPE})

    def _runtime(self, request: Request) -> Answer | None:
        """SageMaker Runtime."""
        found = request.match(r"/endpoints/([^/]+)/([a-z-]+)")
        if request.method != "POST" or not found or request.service not in ("sagemaker", ""):
            return None
        endpoint, action = found
        if action != "invocations":
            raise UnknownOperationError("sagemaker-runtime", action)
        return self._sagemaker.invoke(endpoint, request.body.read(), request.headers)

    def _health(self, _: Request) -> Answer:
        moto = self._moto.reachable()
        return json_answer({"status": "ok" if moto else "degraded", "moto": moto}, 200 if moto else 503)

    def close(self) -> None:
        """Stop what runs for the services."""
        self._functions.close()
        self._sagemaker.close()


def delivery_path(keyring: Keyring) -> str:
    """Where SNS and Slack's clients deliver: they sign nothing, so the path is one that nobody else can guess."""
    return f"/_local/{keyring.secret('deliveries')}"


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 on one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "modelway-local"
    sys_version = ""
    # An unbuffered answer goes out in two packets, and the second waits 40 ms for the first one's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def handle_expect_100(self) -> bool:
        """Tell the client at once to go on."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _serve(self) -> None:
        request = self._request()
        status, headers, body = self._refusal(request) or self.server.gateway.answer(request)
        try:
            request.body.drain()
            self._write(status, headers, body)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _request(self) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        body = Body(self.rfile, None if chunked else int(headers.get("content-length") or 0))
        target = self.path
        if target.startswith(("http://", "https://")):
            # A client that takes the gateway for its HTTP proxy, as Terraform does.
            url = urlsplit(target)
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return Request(self.command, target, headers, list(self.headers.items()), body)

    def _refusal(self, request: Request) -> Answer | None:
        """Web pages have no business here: the gateway runs code for whoever asks."""
        reason = refusal(self.command, self.path, request.raw_headers, self.server.server_port)
        if reason is None:
            return None
        error = AwsError("AccessDenied", f"the local gateway takes no requests of web pages: {reason}", 403)
        return error.status, error.headers(), error.body()

    def _write(self, status: int, headers: dict[str, str], body: object) -> None:
        names = {name.lower() for name in headers}
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in NO_PAGE:
                self.send_header(name, value)
        for name, value in NO_PAGE.items():
            self.send_header(name, value)
        if "x-amzn-requestid" not in names:
            self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        bodiless = self.command == "HEAD" or status in BODILESS
        sized = "content-length" in names
        if not sized and isinstance(body, bytes) and status not in BODILESS:
            self.send_header("Content-Length", str(len(body)))
        chunked = not sized and not isinstance(body, bytes) and not bodiless
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._write_body(body, chunked=chunked, bodiless=bodiless)

    def _write_body(self, body: object, *, chunked: bool, bodiless: bool) -> None:
        pieces = iter([body]) if isinstance(body, bytes) else body
        for piece in pieces:  # type: ignore[attr-defined]
            if not bodiless and piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """No access log; failures are logged where they happen."""


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 only."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, gateway: Gateway) -> None:
        self.gateway = gateway
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """As the base class does, without its look-up of the host's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's
        """A client that hangs up is no error; all else is logged."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            traceback.print_exc()
