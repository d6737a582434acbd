"""Serves the control protocol on a unix socket, from threads of its own.

Threads, because the socket must answer while the main thread imports the app or serves a request.
They do nothing but sockets, JSON and the order itself, and hold no lock that a forked child needs.

Each thread closes its own sockets; others only shut them down. A descriptor that is closed while
a thread waits on it is reused, and when the kernel then restarts the thread's system call, the
thread accepts or reads on what has become somebody else's connection.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ..wiring import control

Order = Callable[[dict[str, Any]], dict[str, Any]]

MAX_PATH_BYTES: Final = 107
ANSWER_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 0.1


class ControlSocket:
    """A unix socket at ``path`` that answers each line with what ``order`` returns for it.

    ``order`` is called in a thread of the connection, several at once for several connections; what
    it raises becomes the answer's error. ``after`` is called when an answer has been sent.
    """

    def __init__(self, path: str, order: Order, after: Callable[[], None]) -> None:
        self.path = path
        self.order = order
        self.after = after
        self._owner = os.getpid()
        self._closing = threading.Event()
        self._waited_on: dict[threading.Thread, socket.socket] = {}
        self._answering = 0
        self._quiet = threading.Condition()

    def open(self) -> None:
        """Listen and answer from now on.

        Raises:
            OSError: the path is too long (106 bytes at most) or cannot be bound.
        """
        # Renamed into its place when it listens, so that whoever sees it can connect.
        path = f"{self.path}~"
        if len(os.fsencode(path)) > MAX_PATH_BYTES:
            raise OSError(f"the control socket's path is longer than {MAX_PATH_BYTES - 1} bytes")
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(mask)
        listener.listen(16)
        Path(path).rename(self.path)
        self._run(self._accept, listener)

    def close(self) -> None:
        """Remove the socket's file and end the threads. Does nothing in a child.

        Whoever has just given an order that ends the process gets his answer before.
        """
        if self._owner != os.getpid():
            return
        with self._quiet:
            self._quiet.wait_for(lambda: self._answering == 0, ANSWER_SECONDS)
        with contextlib.suppress(FileNotFoundError):
            Path(self.path).unlink()
        self._closing.set()
        for thread, waited_on in list(self._waited_on.items()):
            with contextlib.suppress(OSError):
                waited_on.shutdown(socket.SHUT_RDWR)
            thread.join(ANSWER_SECONDS)

    def disown(self) -> None:
        """Close the inherited descriptors, in a forked child; it has none of the threads."""
        for inherited in self._waited_on.values():
            inherited.close()
        self._waited_on.clear()

    def _run(self, target: Callable[[socket.socket], None], waited_on: socket.socket) -> None:
        def run() -> None:
            with waited_on:
                target(waited_on)
            self._waited_on.pop(thread, None)

        thread = threading.Thread(target=run, name="tenfold-control", daemon=True)
        self._waited_on[thread] = waited_on
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:  # out of descriptors, or the end
                self._closing.wait(RETRY_SECONDS)
            else:
                self._run(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        pending = b""
        with contextlib.suppress(OSError):
            while chunk := peer.recv(65536):
                pending += chunk
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    with self._at_work():
                        peer.sendall(self._answer(line))
                    self.after()
                if len(pending) > control.MAX_LINE_BYTES:
                    break

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        with self._quiet:
            self._answering += 1
        try:
            yield
        finally:
            with self._quiet:
                self._answering -= 1
                self._quiet.notify_all()

    def _answer(self, line: bytes) -> bytes:
        try:
            return control.encode(self.order(control.decode(line)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the peer is told
            return control.encode({"ok": False, "error": f"{type(error).__name__}: {error}"})
