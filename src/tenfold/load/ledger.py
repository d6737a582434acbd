"""The ledger: which writes were sent and which were acknowledged, on disk before they count.

One line of JSON each, appended to one file::

    {"ledger": 1, "run": "1f3a9c2e"}
    {"sent": "1f3a9c2e0000002a"}                           written before the request is sent
    {"acknowledged": "1f3a9c2e0000002a", "status": 201}    fsynced before it counts

A line that is missing its end was not written to the end: whoever reads the file passes over it.
What was sent and has no other line has an unknown outcome.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tenfold.errors import LoadError, Refused

LEDGER_VERSION = 1

_LOOK_SECONDS = 0.1

Outcome = Literal["acknowledged", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class _Settled:
    """A line to be made durable, whether it is an acknowledgement, and who waits for it."""

    line: bytes
    acknowledged: bool
    reached: threading.Event | None = None


class Ledger:
    """Appends to a new ledger file; one process and one event loop write it.

    A context manager, which takes the file away again when it is left by an error before anything
    was sent: the next attempt shall find its path free.

    Outcomes are written and fsynced by a thread, as many at once as have gathered during the last
    fsync (group commit), so that the disk never delays the next request.

    Raises:
        Refused: the file exists already: one file holds one run.
        LoadError: it cannot be created.
    """

    def __init__(self, path: Path, run_id: str) -> None:
        self.path = path
        self.run_id = run_id
        self.sent = 0
        self.acknowledged = 0
        self.longest_fsync_seconds = 0.0
        self._failure: OSError | None = None
        self._closed = False
        self._settled: queue.SimpleQueue[_Settled | None] = queue.SimpleQueue()
        self._file = _create(path)
        self._append(_line({"ledger": LEDGER_VERSION, "run": run_id}))
        self._thread = threading.Thread(target=self._commit_groups, name="ledger", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        finally:
            if kind is not None and not self.sent:
                self.path.unlink()

    def intend(self, write_id: str) -> None:
        """Write down that this write is about to be sent; it is in the file when this returns.

        Raises:
            LoadError: the ledger can no longer be written, so nothing more must be sent.
        """
        self._check()
        try:
            self._append(_line({"sent": write_id}))
            self.sent += 1
        except OSError as error:
            self._failure = error
            self._check()

    def settle(self, write_id: str, outcome: Outcome, status: int | None) -> None:
        """Hand over how a write ended; returns at once, durable after the next group commit."""
        line = _line({outcome: write_id, "status": status})
        self._settled.put(_Settled(line, outcome == "acknowledged"))

    def flush(self) -> None:
        """Wait until everything settled so far is durable.

        Raises:
            LoadError: something could not be made durable.
        """
        reached = threading.Event()
        self._settled.put(_Settled(b"", False, reached))
        while self._thread.is_alive() and not reached.wait(_LOOK_SECONDS):
            pass
        self._check()

    def close(self) -> None:
        """Make everything durable and close the file.

        Raises:
            LoadError: something could not be made durable.
        """
        if not self._closed:
            self._closed = True
            self._settled.put(None)
            self._thread.join()
            os.close(self._file)
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise LoadError(
                f"the ledger {self.path} can no longer be written: {self._failure}",
                changed=f"{self.acknowledged} acknowledged writes are in it",
                next="make room or choose another --ledger; this one can still be compared",
            ) from self._failure

    def _commit_groups(self) -> None:
        try:
            while (group := self._next_group()) is not None:
                self._commit(group)
        except OSError as error:
            self._failure = error

    def _next_group(self) -> list[_Settled] | None:
        """Everything settled since the last commit, at least one; None once closed."""
        first = self._settled.get()
        if first is None:
            return None
        group = [first]
        while not self._settled.empty():
            item = self._settled.get()
            if item is None:
                self._settled.put(None)
                break
            group.append(item)
        return group

    def _commit(self, group: list[_Settled]) -> None:
        self._append(b"".join(one.line for one in group))
        began = time.perf_counter()
        os.fsync(self._file)
        self.longest_fsync_seconds = max(self.longest_fsync_seconds, time.perf_counter() - began)
        self.acknowledged += sum(one.acknowledged for one in group)
        for one in group:
            if one.reached is not None:
                one.reached.set()

    def _append(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._file, data) :]


def _line(entry: dict[str, object]) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _create(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o644)
        _sync_directory(path.absolute().parent)
    except FileExistsError as error:
        raise Refused(
            f"the ledger {path} exists already, and one file holds one run",
            next="choose another path, or compare this one without a new load",
        ) from error
    except OSError as error:
        raise LoadError(f"the ledger {path} cannot be created: {error}") from error
    return file


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
