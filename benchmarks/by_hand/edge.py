"""nginx by hand, with ``nginx.conf`` beside this file."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from benchmarks.account import give
from benchmarks.processes import Daemon
from tenfold.engines.nginx import binaries

CONFIGURATION = Path(__file__).with_name("nginx.conf")


class Edge:
    """nginx on 127.0.0.1, in front of one upstream."""

    def __init__(self, folder: Path, port: int, upstream: str) -> None:
        self.folder = folder
        workers = len(os.sched_getaffinity(0))
        values = {"LISTEN": f"127.0.0.1:{port}", "UPSTREAM": upstream, "WORKERS": str(workers)}
        text = CONFIGURATION.read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        folder.mkdir()
        (folder / "nginx.conf").write_text(text)
        give(folder)
        self._daemon: Daemon | None = None

    @property
    def daemon(self) -> Daemon:
        """The running process."""
        assert self._daemon is not None
        return self._daemon

    def start(self) -> None:
        """Start it; it is ready when the site answers."""
        self._daemon = Daemon(
            (
                binaries.find().path,
                *("-e", "stderr", "-p", f"{self.folder}/"),
                *("-c", str(self.folder / "nginx.conf")),
            ),
            log=self.folder / "log",
        )

    def stop(self) -> None:
        """Let requests end, then go."""
        if self._daemon is not None:
            self._daemon.end(signal.SIGQUIT)
            self._daemon = None
