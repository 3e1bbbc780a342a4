"""All that the gateway does not do itself: passed to moto as it came, Host header included."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from modelway_local.gateway.errors import AwsError
from modelway_local.gateway.exchange import CHUNK, Answer, Request

# They concern one connection only (RFC 9110, 7.6.1); the gateway has answered Expect itself.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect"}
TIMEOUT_SECONDS = 120.0


class MotoProxy:
    """Streams requests to moto and its answers back."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self._address = (split.hostname or "127.0.0.1", split.port or 80)

    def reachable(self) -> bool:
        """Whether something listens on moto's port."""
        try:
            socket.create_connection(self._address, timeout=1).close()
        except OSError:
            return False
        return True

    def forward(self, request: Request) -> Answer:
        """Moto's answer. Raises AwsError 503 if moto does not give one."""
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
        try:
            self._send(connection, request)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise AwsError("ServiceUnavailable", f"moto did not answer: {error!r}", 503) from error
        dropped = HOP_BY_HOP | {"transfer-encoding", "server", "date"}
        headers = {name: value for name, value in response.getheaders() if name.lower() not in dropped}
        return response.status, headers, _pieces(connection, response)

    def _send(self, connection: http.client.HTTPConnection, request: Request) -> None:
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.raw_headers:
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        connection.putheader("Connection", "close")
        chunked = "chunked" in request.headers.get("transfer-encoding", "").lower()
        connection.endheaders(request.body.pieces(), encode_chunked=chunked)


def _pieces(connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := response.read(CHUNK):
            yield piece
    finally:
        connection.close()
