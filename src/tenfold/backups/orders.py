"""The keeper's socket: the server brings its log here, a person asks for a backup.

A line in, lines out. ``archive PATH`` is answered ``ok``, or with why not in words. ``backup`` is
answered with lines of JSON: ``{"tell": ...}`` on the way, and at the end ``{"backup": ...}`` or
``{"fault": ...}``; ``check`` likewise, with ``{"checked": ...}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.backups.faults import Fault
from tenfold.backups.state import told

if TYPE_CHECKING:
    from tenfold.backups.keeper import Keeper

LONGEST_LINE = 8192


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, path: str, keeper: Keeper) -> None:
        self.keeper = keeper
        super().__init__(path, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        line = self.rfile.readline(LONGEST_LINE)
        order, _, rest = line.rstrip(b"\n").partition(b" ")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever asked is gone
            if order == b"archive":
                self.wfile.write(f"{self._archive(Path(os.fsdecode(rest)))}\n".encode())
            elif order == b"backup":
                self._told(lambda k: {"backup": k.copy(self._tell).to_json()})
            elif order == b"check":
                self._told(lambda k: {"checked": k.check(self._tell)})

    def _archive(self, path: Path) -> str:
        try:
            self.server.keeper.archive(path)
        except Fault as fault:
            return fault.what
        return "ok"

    def _told(self, work: Callable[[Keeper], dict[str, Any]]) -> None:
        keeper = self.server.keeper
        try:
            keeper.look()
            self._say(work(keeper))
        except Fault as fault:
            self._say({"fault": told(fault)})

    def _tell(self, text: str) -> None:
        with contextlib.suppress(OSError):  # whoever asked is gone; the backup goes on
            self._say({"tell": text})

    def _say(self, data: dict[str, Any]) -> None:
        self.wfile.write(f"{json.dumps(data)}\n".encode())


class Orders:
    """Takes orders while it is open, as a context manager."""

    def __init__(self, path: Path, keeper: Keeper) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._server = _Server(str(path), keeper)
        path.chmod(0o600)

    def __enter__(self) -> Orders:
        threading.Thread(target=self._server.serve_forever, name="orders", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)
