"""The objects of a bucket, as publishing needs them: many at once, with their types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager

import obstore
from obstore import exceptions

from tenfold import s3
from tenfold.errors import PublishError

AT_ONCE = 16
CACHE = "public, max-age=0, must-revalidate"
"""Browsers ask whether a file changed, which costs a request and no bytes: as Netlify has it."""


class Objects:
    """A bucket, or a prefix in one. Every failure is a ``PublishError``; ``served`` says in it what
    people see now."""

    def __init__(self, access: s3.Access) -> None:
        self._access = access
        self._store = s3.connect(access)
        self.served = "nothing: what was published before is served"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self._access.place

    def get(self, name: str) -> bytes | None:
        """An object's content, or ``None``."""
        with self._told(f"get {name} from"):
            try:
                return bytes(obstore.get(self._store, self._access.prefix + name).bytes())
            except (exceptions.NotFoundError, FileNotFoundError) as error:
                if not s3.missing(error):
                    raise
                return None

    def put(self, name: str, content: bytes, kind: str, *, only_new: bool = False) -> bool:
        """Put an object there, at once or not at all. ``False`` where ``only_new`` and it is there.

        Servers that do not know that condition carry it out blindly.
        """
        with self._told(f"put {name} into"):
            try:
                obstore.put(
                    self._store,
                    self._access.prefix + name,
                    content,
                    attributes={"Content-Type": kind, "Cache-Control": CACHE},
                    mode="create" if only_new else "overwrite",
                )
            except exceptions.AlreadyExistsError:
                return False
        return True

    def copy(self, name: str, to: str) -> None:
        """Have the server make a copy, with type and all."""
        prefix = self._access.prefix
        with self._told(f"copy {name} in"):
            obstore.copy(self._store, prefix + name, prefix + to)

    def delete(self, name: str) -> None:
        """Remove an object; fine if it is not there."""
        with self._told(f"delete {name} from"):
            try:
                obstore.delete(self._store, self._access.prefix + name)
            except (exceptions.NotFoundError, FileNotFoundError) as error:
                if not s3.missing(error):
                    raise

    def list(self, prefix: str) -> Iterator[str]:
        """The names of all objects whose name begins with this."""
        with self._told("list"):
            for page in obstore.list(self._store, prefix=self._access.prefix + prefix):
                for found in page:
                    yield found["path"].removeprefix(self._access.prefix)

    def folders(self) -> tuple[str, ...]:
        """What is right below the prefix: files, and folders with a ``/`` behind."""
        with self._told("list"):
            found = obstore.list_with_delimiter(self._store, prefix=self._access.prefix)
        names = [f"{one.rstrip('/')}/" for one in found["common_prefixes"]]
        names += [one["path"] for one in found["objects"]]
        return tuple(name.removeprefix(self._access.prefix) for name in names)

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (exceptions.BaseError, OSError) as error:
            _, what, next_ = s3.explain(error, f"cannot {doing} {self.place}")
            raise PublishError(what, changed=self.served, next=next_) from error


def side_by_side(
    work: Callable[[str], None], names: Iterable[str], done: Callable[[int], None]
) -> None:
    """Do the same for every name, some at once; the first failure ends it.

    Whatever was begun by then is awaited: nothing happens any more when this returns.
    """
    todo = list(names)
    with ThreadPoolExecutor(min(AT_ONCE, max(1, len(todo))), thread_name_prefix="put") as threads:
        for first in range(0, len(todo), 8 * AT_ONCE):
            futures = [threads.submit(work, name) for name in todo[first : first + 8 * AT_ONCE]]
            finished, waiting = wait(futures, return_when=FIRST_EXCEPTION)
            for future in waiting:
                future.cancel()
            for future in finished:
                future.result()
            done(min(first + 8 * AT_ONCE, len(todo)))
