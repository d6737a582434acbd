"""Where backups lie: a directory, or a bucket. Small objects under names, each put as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tenfold.backups.config import Destination


@dataclass(frozen=True, slots=True)
class Entry:
    """An object: its name, relative to the place, and how many bytes it has."""

    name: str
    size: int


class Store(Protocol):
    """A place for objects. Names are relative, with ``/`` between folders.

    Every method raises :class:`tenfold.backups.faults.Fault` when it could not do its work. What
    was put is there for good when ``put`` returns, also after a power cut there.
    """

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def put(self, name: str, content: bytes, *, replace: bool = False) -> bool:
        """Put an object there, at once or not at all.

        ``False``, and nothing done, where there is one of that name that must not be replaced.
        """

    def get(self, name: str) -> bytes:
        """An object's content; a fault of kind ``missing`` where there is none."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """All objects whose name begins with the prefix, which ends with ``/`` or is empty."""

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The names of the folders right below a prefix."""

    def delete(self, names: Iterable[str]) -> None:
        """Remove objects; fine if they are not there."""


def open_store(destination: Destination) -> Store:
    """The store that a destination names. Nothing is asked of it yet."""
    if destination.to.startswith("s3://"):
        from tenfold.backups.store.bucket import Bucket  # a library that a directory does not need

        return Bucket(destination)
    from tenfold.backups.store.directory import Directory

    return Directory(destination.to)
