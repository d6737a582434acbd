"""uvicorn by hand: as many processes as asked for, on one socket that outlives them."""

from __future__ import annotations

import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import Daemon, wait_for

BACKLOG = 2048
STARTED = "accepting"  # said by worker.py
LEAVE_SECONDS = 30.0


class Workers:
    """The app's processes. A restart starts the next ones before it ends the last."""

    def __init__(
        self,
        argv: Sequence[str],
        port: int,
        count: int,
        *,
        code: Path,
        env: dict[str, str],
        logs: Path,
    ) -> None:
        self._argv, self._port, self._count = tuple(argv), port, count
        self._code, self._env, self._logs = code, env, logs
        self._listener: socket.socket | None = None
        self._generation = 0
        self._running: list[Daemon] = []

    @property
    def address(self) -> str:
        """Where they listen, as host:port."""
        return f"127.0.0.1:{self._port}"

    @property
    def pids(self) -> list[int]:
        """One for each worker."""
        return [worker.pid for worker in self._running]

    def start(self) -> None:
        """Start them all at once and wait until each accepts."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._port), backlog=BACKLOG)
        self._running += (started := self._start())
        for worker in started:
            wait_for(lambda w=worker: _says(w, STARTED), "a worker to start", daemon=worker)

    def restart(self) -> None:
        """As a careful hand does it: the next ones accept before the last are told to end."""
        before, self._running = self._running, []
        try:
            self.start()
        finally:
            self._leave(before)

    def pause(self) -> None:
        """End them in order and keep the socket: who connects now waits for those to come."""
        running, self._running = self._running, []
        self._leave(running)

    def wire(self, env: dict[str, str]) -> None:
        """The environment of those that start from now on."""
        self._env = env

    def stop(self) -> None:
        """End them and give up the socket."""
        self.pause()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _start(self) -> list[Daemon]:
        assert self._listener is not None
        self._generation += 1
        fd = self._listener.fileno()
        return [
            Daemon(
                (*self._argv, str(fd)),
                log=self._logs / f"app.{self._generation}.{number}.log",
                cwd=self._code,
                env=self._env,
                fds=(fd,),
            )
            for number in range(1, self._count + 1)
        ]

    def _leave(self, workers: list[Daemon]) -> None:
        for worker in workers:
            worker.tell(signal.SIGTERM)
        for worker in workers:
            worker.end(signal.SIGTERM, within_seconds=LEAVE_SECONDS)


def _says(worker: Daemon, words: str) -> bool:
    return words in worker.log.read_text(errors="replace")
