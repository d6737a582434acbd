"""Asking the scheduler for a run, and reading its book: what runs on the host for a command.

Each prints JSON, one object per line.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from tenfold.agent.logs import open_to_read
from tenfold.jobs.book import Book, Run
from tenfold.jobs.outputs import last_lines_of, output_of

TAKEN_UP_SECONDS = 90.0
"""A deploy may be at work, for which the scheduler rests."""
LOOK_EVERY_SECONDS = 0.1
LAST_LINES = 10
_CHUNK_BYTES = 1 << 16


def run(folder: Path, job: str, by: str) -> None:
    """Ask for a run, and follow it to its end.

    Prints ``{"run"}`` when it begins, ``{"output"}`` for every line of it, ``{"ended"}`` with what
    became of it; or ``{"refused"}`` with the reason. Whoever is told to end before the run has
    begun withdraws it; one that has begun goes on.
    """
    book = Book(folder)
    if (why := _in_the_way(book, job)) is not None:
        _say("refused", why)
        return
    request = book.ask(job, by, time.time())

    def withdraw(*_: object) -> NoReturn:
        book.withdraw(request)
        sys.exit(0)

    signal.signal(signal.SIGTERM, withdraw)
    begun = _wait(lambda: _begun(book, request), TAKEN_UP_SECONDS)
    if begun is None:
        if book.withdraw(request):
            _say("refused", f"nobody began {job} within {TAKEN_UP_SECONDS:g} s")
            return
        begun = _begun(book, request)
        assert begun is not None, "what cannot be withdrawn has become a run"
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _say("run", begun.to_json())
    _say("ended", _followed(book, folder, begun).to_json())


def history(folder: Path, job: str, count: int) -> None:
    """The newest runs of a job, the oldest of them first, each with the last lines it printed."""
    for found in reversed(Book(folder).history(job, count)):
        lines = last_lines_of(folder, job, found.id, LAST_LINES)
        _say("run", {**found.to_json(), "lines": lines})


def output(folder: Path, job: str, run: int) -> None:
    """All that is kept of what a run printed."""
    found = Book(folder).run(run)
    if found is None or found.job != job:
        _say("refused", f"{job} has no run {run}")
        return
    path = output_of(folder, job, run)
    for part in (path.with_name(f"{path.name}.1"), path):
        for line in _Reader(part).lines(last=True):
            _say("output", line)
    _say("run", found.to_json())


def _in_the_way(book: Book, job: str) -> str | None:
    told = next((j for j in book.jobs() if j["name"] == job), None)
    if told is None:
        return f"{job} is not kept here"
    runs = [r.id for r in book.open() if r.job == job]
    if runs and not told["overlap"]:
        return f"run {runs[0]} of {job} goes on, and runs of it do not overlap"
    return None


def _begun(book: Book, request: int) -> Run | None:
    found = book.request(request)
    return None if found is None or found.run is None else book.run(found.run)


def _followed(book: Book, folder: Path, begun: Run) -> Run:
    reader = _Reader(output_of(folder, begun.job, begun.id))
    while True:
        now = book.run(begun.id)
        assert now is not None, "a run that goes on is not forgotten"
        over = now.outcome is not None
        for line in reader.lines(last=over):
            _say("output", line)
        if over:
            return now
        time.sleep(LOOK_EVERY_SECONDS)


class _Reader:
    """Lines of a file that grows, and is begun anew when it has become too long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._pending = b""

    def lines(self, *, last: bool) -> Iterator[str]:
        """Whatever has come since; with ``last`` also a line without its end."""
        with contextlib.suppress(FileNotFoundError), open_to_read(self._path) as file:
            if file.seek(0, 2) < self._at:
                self._at = 0
            file.seek(self._at)
            while chunk := file.read(_CHUNK_BYTES):
                *whole, self._pending = (self._pending + chunk).split(b"\n")
                for line in whole:
                    yield line.decode("utf-8", "replace")
            self._at = file.tell()
        if last and self._pending:
            yield self._pending.decode("utf-8", "replace")


def _wait(condition: Callable[[], Run | None], within_seconds: float) -> Run | None:
    deadline = time.monotonic() + within_seconds
    while (found := condition()) is None and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_SECONDS)
    return found


def _say(kind: str, told: Any) -> None:
    print(json.dumps({kind: told}), flush=True)  # noqa: T201 - read by whoever asked
