"""The state of one server process, shared by its wrapper, its server and its control socket."""

from __future__ import annotations

import os
import threading
from typing import Any

from ..wiring import control


class ProcessState:
    """Where a process stands, and its counters.

    Only the server's own thread changes the state; anyone may read. ``leaving`` is the one flag
    that the wrapper looks at for each response: answers then carry ``Connection: close``.
    """

    def __init__(self, release: str) -> None:
        self.release = release
        self.name: str = control.IMPORTING
        self.leaving = False
        self.error: str | None = None
        self.error_was_read = threading.Event()
        self._told = False
        self.active = 0
        self.websockets = 0

    def fail(self, error: str) -> None:
        """Importing or starting the app has failed, with this text for its author."""
        self.error = error
        self.name = control.FAILED

    def describe(self, connections: int, requests: int) -> dict[str, Any]:
        """The answer to ``status``; ``requests`` are those answered so far."""
        answer: dict[str, Any] = {
            "ok": True,
            "state": self.name,
            "connections": connections,
            "requests": requests,
            "active": self.active,
            "websockets": self.websockets,
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
