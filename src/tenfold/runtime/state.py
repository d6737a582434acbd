"""The state of one server process, shared by its wrapper, its server and its control socket."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import asdict, dataclass
from math import inf
from time import perf_counter
from typing import Any

from ..wiring import control


@dataclass(frozen=True)
class Counts:
    """What a status counts; :mod:`tenfold.wiring.control` says what each of them means."""

    connections: int = 0
    idle: int = 0
    active: int = 0
    oldest_seconds: float = 0.0
    websockets: int = 0
    tasks: int = 0
    requests: int = 0


class ProcessState:
    """Where a process stands, and what it has in hand.

    Only the server's own thread changes the state; anyone may read. ``closing`` is the one flag
    that the wrapper looks at for each response: answers then carry ``Connection: close``.
    ``leaving`` says that the process ends when its connections are gone.

    ``gate`` is there while requests that come on kept connections wait as well, for it to be set.

    ``began`` has the requests in flight, each by a key of its own, with the value of
    ``perf_counter`` at its start, or infinity if by its nature it never ends.
    """

    def __init__(self, release: str) -> None:
        self.release = release
        self.name: str = control.IMPORTING
        self.settled = False
        self.closing = False
        self.leaving = False
        self.gate: asyncio.Event | None = None
        self.error: str | None = None
        self.error_was_read = threading.Event()
        self._told = False
        self.began: dict[Any, float] = {}
        self.websockets = 0

    @property
    def active(self) -> int:
        """How many requests are in flight."""
        return len(self.began)

    def oldest_seconds(self) -> float:
        """For how long the oldest request in flight that has an end has been running."""
        return seconds_since(min(list(self.began.values()), default=inf))

    def shut(self, *, gate: bool) -> None:
        """Have requests wait that come from now on, or those that do go on."""
        if gate and self.gate is None:
            self.gate = asyncio.Event()
        elif not gate and self.gate is not None:
            self.gate.set()
            self.gate = None

    def fail(self, error: str) -> None:
        """Importing or starting the app has failed, with this text for its author."""
        self.error = error
        self.name = control.FAILED

    def describe(self, counts: Counts) -> dict[str, Any]:
        """The answer to ``status``."""
        answer: dict[str, Any] = {
            "ok": True,
            "state": self.name,
            "settled": self.settled,
            **asdict(counts),
            "release": self.release,
            "pid": os.getpid(),
        }
        if self.error is not None:
            answer["error"] = self.error
            self._told = True
        return answer

    def note_answered(self) -> None:
        """An answer has left; a failed process need not wait any longer when it told why."""
        if self._told:
            self.error_was_read.set()


def seconds_since(began: float) -> float:
    """Seconds from a value of ``perf_counter`` until now; 0.0 from infinity."""
    return round(max(perf_counter() - began, 0.0), 6)
