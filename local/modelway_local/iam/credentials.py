"""The access keys of a stack: made at random, known to the owner of the stack's folder alone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

SESSION_SECONDS = 3600
_ALPHABET = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Credentials:
    """A key pair and whose it is.

    `role_arn` is empty for the account's owner, who may do all; with a role the keys are a session's, as STS gives
    them: they come with a token, and the role's policies bound them.
    """

    actor: str
    access_key_id: str
    secret_access_key: str
    session_token: str = ""
    role_arn: str = ""
    session_name: str = ""
    # Whoever assumed the role: a service (sagemaker.amazonaws.com), or a web identity's provider and claims.
    assumed_by: str = ""
    claims: tuple[tuple[str, str], ...] = ()
    user_name: str = ""
    # Seconds since 1970; 0: as long as the stack.
    expires: float = 0.0

    def environment(self) -> dict[str, str]:
        """The variables by which AWS's SDKs find the keys."""
        token = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return {"AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key, **token}

    def arguments(self) -> dict[str, str]:
        """The same, as boto3.client takes them."""
        return {name.lower(): value for name, value in self.environment().items()}


OWNER = "owner"


class Keyring:
    """`<home>/iam/keys.json`, of mode 0600: every process of the stack's owner may make and read keys."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "iam"
        self._path = self._folder / "keys.json"
        self._read_at = 0
        self._by_id: dict[str, Credentials] = {}

    def of(self, actor: str = OWNER) -> Credentials:
        """The actor's keys, made at the first call; the owner's unless one is named."""
        return self._once(actor, lambda: new(actor))

    def of_role(
        self, actor: str, role_arn: str, session_name: str, assumed_by: str, claims: tuple[tuple[str, str], ...] = ()
    ) -> Credentials:
        """The actor's session of a role, made at the first call."""

        def session() -> Credentials:
            keys = new(actor, role_arn=role_arn, session_name=session_name)
            return replace(keys, assumed_by=assumed_by, claims=claims)

        return self._once(f"{actor} as {role_arn}", session)

    def add(self, credentials: Credentials) -> Credentials:
        """Keep keys that were made elsewhere: a session of AssumeRole's, a user's access key."""
        return self._once(credentials.access_key_id, lambda: credentials)

    def find(self, access_key_id: str) -> Credentials | None:
        """Whose key it is; None for an unknown one."""
        known = self._by_id.get(access_key_id)
        if known is None and self._stamp() != self._read_at:
            self._read_at = self._stamp()
            self._by_id = {one.access_key_id: one for one in self._read().values()}
            known = self._by_id.get(access_key_id)
        return known

    def _stamp(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def forget(self, access_key_id: str) -> None:
        """Drop a key: DeleteAccessKey."""
        with self._locked():
            kept = {name: one for name, one in self._read().items() if one.access_key_id != access_key_id}
            self._write(kept)
        self._by_id.pop(access_key_id, None)

    def secret(self, name: str) -> str:
        """A random word for a path that nobody may guess, made at the first call."""
        return self._once(f"secret {name}", lambda: new(f"secret {name}")).secret_access_key.replace("/", "_")

    def _once(self, name: str, make: Callable[[], Credentials]) -> Credentials:
        with self._locked():
            known = self._read()
            if name in known:
                return known[name]
            made = make()
            alive = {key: one for key, one in known.items() if not one.expires or one.expires > time.time()}
            self._write({**alive, name: made})
            return made

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, Credentials]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {
            name: Credentials(**{**one, "claims": tuple(map(tuple, one["claims"]))}) for name, one in document.items()
        }

    def _write(self, known: dict[str, Credentials]) -> None:
        partial = self._path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({name: asdict(one) for name, one in known.items()}, file, indent=1)
        partial.replace(self._path)


def new(actor: str, *, role_arn: str = "", session_name: str = "", seconds: float = 0.0) -> Credentials:
    """Random keys in AWS's form; a role's are temporary ones and have a token."""
    identifier = ("ASIA" if role_arn else "AKIA") + "".join(secrets.choice(_ALPHABET) for _ in range(16))
    token = secrets.token_urlsafe(96) if role_arn else ""
    expires = time.time() + seconds if seconds else 0.0
    return Credentials(actor, identifier, secrets.token_urlsafe(30), token, role_arn, session_name, expires=expires)
