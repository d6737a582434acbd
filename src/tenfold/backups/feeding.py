"""Bringing a recovering server the log that it asks for, some files ahead of it."""

from __future__ import annotations

import os
import socketserver
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tenfold.backups import archiving, names
from tenfold.backups.faults import Fault
from tenfold.backups.seal import Sealer
from tenfold.backups.store import Store

AHEAD = 8
THREADS = 4


class Feeder:
    """Serves :mod:`tenfold.backups.fetch` at a socket while it is open, as a context manager.

    ``fault`` is why a file could not be had; ``last`` the newest segment that was given, ``count``
    how many were.
    """

    def __init__(
        self, store: Store, sealer: Sealer, lineage: str, segment_bytes: int, socket: Path
    ) -> None:
        self._store, self._sealer, self._lineage = store, sealer, lineage
        self._segment_bytes = segment_bytes
        self._guard = threading.Lock()
        self._coming: dict[str, Future[bytes]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="fetch")
        self.fault: Fault | None = None
        self.last = ""
        self.count = 0
        self._server = _Server(str(socket), self)

    def __enter__(self) -> Feeder:
        threading.Thread(target=self._server.serve_forever, name="feed", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._threads.shutdown(cancel_futures=True)

    def give(self, name: str, to: Path) -> str:
        """Put a file of the log there: ``ok``, or ``none``, or ``fault``."""
        try:
            content = self._take(name)
        except Fault as fault:
            if fault.kind == "missing":
                return "none"
            self.fault = fault
            return "fault"
        try:
            to.write_bytes(content)
        except OSError as error:
            self.fault = Fault("own", f"{to} cannot be written: {error.strerror}")
            return "fault"
        if names.is_segment(name, name):
            self.count += 1
            self.last = max(self.last, name, key=lambda n: n[8:])
        return "ok"

    def gap(self) -> str | None:
        """The segment that is not there although later ones of its timeline are; else ``None``.

        Asked when a server took all that there was: then the log ended where it did for want of it.
        """
        if not self.last:
            return None
        end = names.end_of(self.last, self._segment_bytes)
        following = names.segment_at(int(self.last[:8], 16), end, self._segment_bytes)
        later = archiving.has_later(self._store, self._lineage, following)
        return following if later else None

    def _take(self, name: str) -> bytes:
        with self._guard:
            mine = self._coming.pop(name, None)
            if names.is_segment(name, name):
                for ahead in self._following(name):
                    if ahead not in self._coming:
                        self._coming[ahead] = self._threads.submit(self._get, ahead)
                known = {name, *self._following(name)}
                self._coming = {n: f for n, f in self._coming.items() if n in known}
        return mine.result() if mine is not None else self._get(name)

    def _following(self, name: str) -> tuple[str, ...]:
        size = self._segment_bytes
        end, timeline = names.end_of(name, size), int(name[:8], 16)
        return tuple(names.segment_at(timeline, end + n * size, size) for n in range(AHEAD))

    def _get(self, name: str) -> bytes:
        return archiving.fetch(self._store, self._sealer, self._lineage, name)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: str, feeder: Feeder) -> None:
        self.feeder = feeder
        super().__init__(path, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        name, _, path = self.rfile.readline(8192).rstrip(b"\n").partition(b" ")
        told = self.server.feeder.give(name.decode(), Path(os.fsdecode(path)))
        self.wfile.write(f"{told}\n".encode())
