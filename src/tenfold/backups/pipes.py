"""What one piece of code writes, as a stream that another one reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import BinaryIO, cast


@contextmanager
def through(work: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """What ``work`` writes, in a thread of its own; its failure is raised at the stream's end.

    Whoever stops to read before that has it end, with nothing raised.
    """
    reading, writing = os.pipe()
    failed: list[BaseException] = []

    def run() -> None:
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as out:
            try:
                work(out)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is read
                failed.append(error)

    thread = Thread(target=run, name="pipe", daemon=True)
    thread.start()
    with os.fdopen(reading, "rb") as found:
        yield cast(BinaryIO, _Checked(found, thread, failed))
    thread.join()


class _Checked:
    """A stream that raises at its end what its writer failed with."""

    def __init__(self, inner: BinaryIO, thread: Thread, failed: list[BaseException]) -> None:
        self._inner, self._thread, self._failed = inner, thread, failed

    def read(self, size: int = -1) -> bytes:
        found = self._inner.read(size)
        if size != 0 and (size < 0 or len(found) < size):
            self._thread.join()
            if self._failed:
                raise self._failed[0]
        return found
