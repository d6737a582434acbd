"""A bucket of any S3-compatible server as a store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import S3Store

from tenfold.backups.faults import Fault
from tenfold.backups.store import Entry

if TYPE_CHECKING:
    from tenfold.backups.config import Destination

CONNECT_SECONDS = 5
REQUEST_SECONDS = 60
RETRY_SECONDS = 20
_FULL = ("507", "insufficientstorage", "quotaexceeded", "no free volume", "no writable volume",
         "no space left", "storagefull", "disk full", "not enough")  # fmt: skip
_SERVER_ERROR = re.compile(r"status code: (5\d\d[ A-Za-z]*)")
_WRONG = ("invalidaccesskeyid", "signaturedoesnotmatch", "accessdenied", "403", "401")


class Bucket:
    """See :class:`tenfold.backups.store.Store`."""

    def __init__(self, destination: Destination) -> None:
        bucket, _, prefix = destination.to.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._bucket = bucket
        self._at = f" at {destination.endpoint}" if destination.endpoint else ""
        here = (destination.endpoint or "").startswith("http://")
        self._store = S3Store(
            bucket,
            config={
                "access_key_id": destination.access_key,
                "secret_access_key": destination.secret_key,
                "region": destination.region,
                **({"endpoint": destination.endpoint} if destination.endpoint else {}),
            },
            client_options={
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                "timeout": timedelta(seconds=REQUEST_SECONDS),
                "allow_http": here,
            },
            retry_config={
                "max_retries": 3,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=100),
                    "max_backoff": timedelta(seconds=2),
                    "base": 2,
                },
            },
        )

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/") + self._at

    def put(self, name: str, content: bytes, *, replace: bool = False) -> bool:
        """See the protocol."""
        with self._told(f"put {name} into"):
            if not replace and self._there(name):
                return False
            try:
                obstore.put(
                    self._store,
                    self._prefix + name,
                    content,
                    mode="overwrite" if replace else "create",
                    use_multipart=False,
                )
            except exceptions.AlreadyExistsError:
                return False
            return True

    def get(self, name: str) -> bytes:
        """See the protocol."""
        with self._told(f"get {name} from"):
            try:
                return bytes(obstore.get(self._store, self._prefix + name).bytes())
            except (exceptions.NotFoundError, FileNotFoundError) as error:
                if "NoSuchBucket" in str(error):
                    raise
                raise Fault("missing", f"{name} is not in {self.place}") from None

    def list(self, prefix: str) -> Iterator[Entry]:
        """See the protocol."""
        with self._told("list"):
            for page in obstore.list(self._store, prefix=self._prefix + prefix):
                for found in page:
                    yield Entry(found["path"].removeprefix(self._prefix), found["size"])

    def folders(self, prefix: str) -> tuple[str, ...]:
        """See the protocol."""
        with self._told("list"):
            found = obstore.list_with_delimiter(self._store, prefix=self._prefix + prefix)
            return tuple(sorted(p.rstrip("/").rpartition("/")[2] for p in found["common_prefixes"]))

    def delete(self, names: Iterable[str]) -> None:
        """See the protocol."""
        with self._told("delete from"):
            for name in names:
                try:
                    obstore.delete(self._store, self._prefix + name)
                except (exceptions.NotFoundError, FileNotFoundError) as error:
                    if "NoSuchBucket" in str(error):
                        raise

    def _there(self, name: str) -> bool:
        """Asked beside ``mode="create"``, which some servers do not know and carry out blindly."""
        try:
            obstore.head(self._store, self._prefix + name)
        except (exceptions.NotFoundError, FileNotFoundError):
            return False
        return True

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Fault:
            raise
        except (exceptions.BaseError, OSError) as error:
            raise self._fault(doing, error) from error

    def _fault(self, doing: str, error: Exception) -> Fault:
        said = str(error)
        text = said.lower()
        what = f"cannot {doing} {self.place}"
        if "nosuchbucket" in text:
            return Fault("refused", f"{what}: there is no such bucket", "make the bucket")
        known = isinstance(error, exceptions.PermissionDeniedError | PermissionError)
        if known or isinstance(error, exceptions.UnauthenticatedError) or _any(_WRONG, text):
            return Fault(
                "refused",
                f"{what}: the server refuses access_key and secret_key",
                "give the right ones; they may read, write, list and delete in that bucket",
            )
        if _any(_FULL, text):
            return Fault(
                "full", f"{what}: the server has no room left", "make room, or keep less there"
            )
        status = _SERVER_ERROR.search(said)
        if status is not None:  # of a full disk some servers say no more than this
            return Fault(
                "unreachable",
                f"{what}: the server answers {status[1]}; its disk may be full",
                "look at the server: its log says more",
            )
        return Fault("unreachable", f"{what}: {_short(said)}", "see that the server runs")


def _any(words: Iterable[str], text: str) -> bool:
    return any(word in text for word in words)


def _short(said: str) -> str:
    """The gist of a chain of errors, on one line."""
    for word in ("Connection refused", "timed out", "dns error", "certificate"):
        if word.lower() in said.lower():
            return word.lower()
    return " ".join(said.split())[:200]
