"""A bucket of any S3-compatible server as a store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions

from tenfold import s3
from tenfold.backups.faults import Fault
from tenfold.backups.store import Entry

if TYPE_CHECKING:
    from tenfold.backups.config import Destination


class Bucket:
    """See :class:`tenfold.backups.store.Store`."""

    def __init__(self, destination: Destination) -> None:
        self._access = s3.Access.of(
            destination.to,
            access_key=destination.access_key,
            secret_key=destination.secret_key,
            endpoint=destination.endpoint,
            region=destination.region,
        )
        self._prefix = self._access.prefix
        self._store = s3.connect(self._access)

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self._access.place

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
                if not s3.missing(error):
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
                    if not s3.missing(error):
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
        return Fault(*s3.explain(error, f"cannot {doing} {self.place}"))
