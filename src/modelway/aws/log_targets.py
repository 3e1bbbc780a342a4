"""S3 and Wavefront behind the Protocols of `modelway.log_forwarding`."""

from __future__ import annotations

import urllib.request
from typing import Any

from modelway.errors import PlatformError


class S3Archive:
    """Objects in one bucket, below one prefix."""

    def __init__(self, client: Any, bucket: str, prefix: str = "logs/") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def put(self, key: str, body: bytes) -> None:
        """Write or overwrite one object."""
        self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}{key}", Body=body)


class Wavefront:
    """Direct ingestion over HTTP; the token is read from Secrets Manager at each send and never kept or logged."""

    def __init__(self, secrets: Any, secret_id: str, url: str) -> None:
        self._secrets = secrets
        self._secret_id = secret_id
        self._url = url.rstrip("/")

    def send(self, lines: list[str]) -> None:
        """Send points, a line each. Raises PlatformError when Wavefront does not take them."""
        token = self._secrets.get_secret_value(SecretId=self._secret_id)["SecretString"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
        body = "\n".join([*lines, ""]).encode()
        post = urllib.request.Request(f"{self._url}/report?f=wavefront", body, headers)
        try:
            urllib.request.urlopen(post, timeout=10).close()
        except OSError as error:
            raise PlatformError(f"Wavefront did not take the points ({type(error).__name__})") from None
