"""The artifacts bucket as a store of small texts."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError


class Tagged(NamedTuple):
    """A text and the ETag under which it was read."""

    text: str
    tag: str


class S3Store:
    """Small texts by key in one bucket, with S3's conditional writes.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, text: str) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=text.encode())

    def put_new(self, key: str, text: str) -> bool:
        return self._put_if(key, text, IfNoneMatch="*")

    def replace(self, key: str, text: str, tag: str) -> bool:
        return self._put_if(key, text, IfMatch=tag)

    def _put_if(self, key: str, text: str, **condition: str) -> bool:
        """False where S3 says that the condition does not hold (412), or did not when another wrote first (409)."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=text.encode(), **condition)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412):
                return False
            raise
        return True

    def get(self, key: str) -> str | None:
        current = self.get_tagged(key)
        return None if current is None else current.text

    def get_tagged(self, key: str) -> Tagged | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            return Tagged(answer["Body"].read().decode(), answer["ETag"])
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise

    def keys(self, prefix: str) -> list[str]:
        """At most 1000, in order of name."""
        page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
        return [entry["Key"] for entry in page.get("Contents", [])]

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=key)
