"""A stream of any length as a row of objects, and back; each has its digest on record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from tenfold.backups.catalogue import Part
from tenfold.backups.faults import Fault
from tenfold.backups.store import Store

PART_BYTES = 32 << 20
AHEAD = 2
"""So many are on their way while the next one is made, or read."""


def put_parts(
    store: Store,
    lineage: str,
    name: Callable[[int], str],
    source: BinaryIO,
    tell: Callable[[int], None],
) -> tuple[Part, ...]:
    """Put a stream away; ``name`` gives the name of each part below the lineage.

    ``tell`` hears how many bytes are there. Raises ``Fault``.
    """
    parts: list[Part] = []
    waiting: list[tuple[Part, Future[bool]]] = []

    def settle(most: int) -> None:
        while len(waiting) > most:
            part, future = waiting.pop(0)
            future.result()
            parts.append(part)
            tell(sum(p.size for p in parts))

    with ThreadPoolExecutor(AHEAD, thread_name_prefix="put") as threads:
        for number, content in enumerate(_pieces(source)):
            part = Part(name(number), len(content), hashlib.sha256(content).hexdigest())
            place = f"{lineage}/{part.name}"
            waiting.append((part, threads.submit(store.put, place, content, replace=True)))
            settle(AHEAD)
        settle(0)
    return tuple(parts)


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while True:
        piece = bytearray()
        while len(piece) < PART_BYTES:
            found = source.read(min(1 << 20, PART_BYTES - len(piece)))
            if not found:
                break
            piece += found
        if not piece:
            return
        yield bytes(piece)


class Parts:
    """A row of objects as one stream to read from; what is not as it was put is named.

    Use as a context manager.
    """

    def __init__(self, store: Store, lineage: str, parts: Sequence[Part]) -> None:
        self._store, self._lineage = store, lineage
        self._left = list(parts)
        self._threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="get")
        self._coming: list[Future[bytes]] = []
        self._buffer = memoryview(b"")
        self.read_bytes = 0

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def read(self, size: int = -1) -> bytes:
        """As of any stream: less than ``size`` only where a part ends, nothing at the end."""
        if not self._buffer:
            while self._left and len(self._coming) < AHEAD:
                self._coming.append(self._threads.submit(self._get, self._left.pop(0)))
            if not self._coming:
                return b""
            self._buffer = memoryview(self._coming.pop(0).result())
        cut = len(self._buffer) if size < 0 else size
        found, self._buffer = bytes(self._buffer[:cut]), self._buffer[cut:]
        self.read_bytes += len(found)
        return found

    def _get(self, part: Part) -> bytes:
        content = self._store.get(f"{self._lineage}/{part.name}")
        if len(content) != part.size or hashlib.sha256(content).hexdigest() != part.sha256:
            raise Fault(
                "damaged",
                f"{self._lineage}/{part.name} in {self._store.place} is not what was put there",
                "tenfold db backup    makes a new one; tenfold db backups    lists the others",
            )
        return content
