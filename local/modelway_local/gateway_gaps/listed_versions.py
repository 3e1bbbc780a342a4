"""ListObjectVersions with `encoding-type=url`: moto gives the keys as they are, and a client decodes them all the same.

Terraform asks so when it empties a bucket; a key with a `+` or a `%` in it would never be deleted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from modelway_local.gateway.exchange import Answer, Request

# What S3 encodes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
ENCODED = re.compile(r"<(Key|Prefix|Delimiter|KeyMarker|NextKeyMarker)>([^<]*)</\1>")
ENTITIES = {"&quot;": '"', "&apos;": "'"}
END = "</ListVersionsResult>"


class ListedVersions:
    """Path-style listings of a bucket's versions."""

    def __init__(self, forward: Callable[[Request], Answer]) -> None:
        self._forward = forward

    def handle(self, request: Request) -> Answer | None:
        """The listing with encoded keys, when that is asked for; None for all other requests."""
        bucket = unquote(request.path.strip("/"))
        query = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
        asked = "versions" in query and query.get("encoding-type") == ["url"]
        if request.service != "s3" or request.method != "GET" or not bucket or "/" in bucket or not asked:
            return None
        status, headers, pieces = self._forward(request)
        body = pieces if isinstance(pieces, bytes) else b"".join(pieces)
        sized = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        return status, sized, (_encoded(body.decode()).encode() if status == 200 else body)


def _encoded(listing: str) -> str:
    if "<EncodingType>" in listing:
        return listing
    said = ENCODED.sub(
        lambda found: f"<{found[1]}>{escape(quote_plus(unescape(found[2], ENTITIES), safe='/'))}</{found[1]}>", listing
    )
    return said.replace(END, f"<EncodingType>url</EncodingType>{END}")
