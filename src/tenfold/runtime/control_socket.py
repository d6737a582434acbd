"""Serves the control protocol on a unix socket, from threads of its own.

Threads, because the socket must answer while the main thread imports the app or serves a request.
They do nothing but sockets, JSON and the order itself, and hold no lock that a forked child needs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ..wiring import control

Order = Callable[[dict[str, Any]], dict[str, Any]]

MAX_PATH_BYTES: Final = 107


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
        self._listener: socket.socket | None = None
        self._peers: set[socket.socket] = set()

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
        self._listener = listener
        self._run(self._accept, listener)

    def close(self) -> None:
        """Remove the socket's file; threads end with the process. Does nothing in a child."""
        if self._owner != os.getpid():
            return
        with contextlib.suppress(FileNotFoundError):
            Path(self.path).unlink()
        self.disown()

    def disown(self) -> None:
        """Close the inherited descriptors, in a forked child."""
        for owned in (self._listener, *self._peers):
            if owned is not None:
                owned.close()
        self._listener = None
        self._peers.clear()

    @staticmethod
    def _run(target: Callable[[socket.socket], None], argument: socket.socket) -> None:
        name = "tenfold-control"
        threading.Thread(target=target, args=(argument,), name=name, daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                if self._listener is None:
                    return
                continue
            self._peers.add(peer)
            self._run(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        pending = b""
        with contextlib.suppress(OSError), peer:
            while chunk := peer.recv(65536):
                pending += chunk
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    peer.sendall(self._answer(line))
                    self.after()
                if len(pending) > control.MAX_LINE_BYTES:
                    break
        self._peers.discard(peer)

    def _answer(self, line: bytes) -> bytes:
        try:
            return control.encode(self.order(control.decode(line)))
        except Exception as error:  # noqa: BLE001 - whatever it is, the peer is told
            return control.encode({"ok": False, "error": f"{type(error).__name__}: {error}"})
