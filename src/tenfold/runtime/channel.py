"""Questions from a master to one of its workers, over a pair of sockets made before the fork."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from ..wiring import control

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


class Channel:
    """One line each way. A late answer to an abandoned question is recognised and dropped."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._number = 0
        self._pending = b""

    def in_master(self) -> None:
        """After the fork: give up the worker's end."""
        self._theirs.close()

    def disown(self) -> None:
        """Close the copies that a forked worker has of another worker's channel."""
        self._ours.close()
        self._theirs.close()

    def close(self) -> None:
        """In the master: the worker is gone. A question that waits for it is given up."""
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._ours.close()
            self._theirs.close()

    def serve(self, answer: Answer) -> None:
        """In the worker: answer from a thread of its own; no answer is sent for ``None``."""
        self._ours.close()
        name = "tenfold-channel"
        threading.Thread(target=self._serve, args=(answer,), name=name, daemon=True).start()

    def tell(self, order: str) -> None:
        """In the master: say something that has no answer; a worker that is gone hears nothing."""
        with contextlib.suppress(OSError):
            self._ours.sendall(control.encode({"order": order}))

    def ask(self, message: dict[str, Any], within_seconds: float) -> dict[str, Any]:
        """In the master: the worker's answer.

        Raises:
            TimeoutError: there was none in time.
            OSError: the worker is gone.
        """
        deadline = time.monotonic() + within_seconds
        if not self._lock.acquire(timeout=within_seconds):
            raise TimeoutError("the worker is busy with another question")
        try:
            self._number += 1
            self._ours.sendall(control.encode({**message, "number": self._number}))
            while True:
                answer = self._read_line(deadline)
                if answer.pop("number", None) == self._number:
                    return answer
        finally:
            self._lock.release()

    def _read_line(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._pending:
            self._ours.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = self._ours.recv(65536)
            if not chunk:
                raise ConnectionError("the worker is gone")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return control.decode(line)

    def _serve(self, answer: Answer) -> None:
        pending = b""
        with contextlib.suppress(OSError):
            while chunk := self._theirs.recv(65536):
                pending += chunk
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    message = control.decode(line)
                    said = answer(message)
                    if said is not None:
                        said = {**said, "number": message.get("number")}
                        self._theirs.sendall(control.encode(said))
