"""Switches between app servers under load: by quiesce, and by SIGTERM to plain servers.

``python -m benchmarks.app_handover [switches]`` lets eight clients POST over kept connections (as
an nginx keeps those to its upstream: idle for two seconds at most, nothing sent twice) while one
process takes over the listening socket from another again and again. It prints the POSTs that
failed, for both ways in one run.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.contract.app_servers.test_handover import posting
from tests.support.app_process import (
    APPS,
    GTHREAD,
    SYNC,
    UVICORN,
    AppProcess,
    Kind,
    Runtime,
    listening,
)
from tests.support.keepalive import Upstream

from tenfold.wiring import control


class Serving(Protocol):
    """A process that serves until it is told to leave."""

    def ready(self) -> None:
        """Wait until it accepts."""

    def leave(self) -> None:
        """Tell it to go."""


class Ours:
    """Started through the launcher, told to quiesce."""

    def __init__(self, process: AppProcess) -> None:
        self.process = process

    def ready(self) -> None:
        self.process.accept()

    def leave(self) -> None:
        self.process.order(control.QUIESCE)


class Plain:
    """The server's own command with the same settings, told by SIGTERM."""

    def __init__(self, python: Path, kind: Kind, owned: socket.socket, log: Path) -> None:
        self.log = log
        fd, entry = str(owned.fileno()), kind.settings["entry"]
        if kind.settings["server"] == "uvicorn":
            options = [entry, "--fd", fd, "--no-access-log", "--timeout-keep-alive", "75"]
        else:
            options = [entry, "--bind", f"fd://{fd}", "--keep-alive", "75", "--workers", "2"]
            options += ["--threads", str(kind.settings.get("threads", 1))]
            options += ["--no-control-socket"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(python), "-m", kind.settings["server"], *options],
                cwd=APPS,
                pass_fds=[owned.fileno()],
                stdout=output,
                stderr=output,
            )

    def ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            text = self.log.read_text()
            if "startup complete" in text or text.count("Booting worker") == 2:
                time.sleep(0.5)
                return
            time.sleep(0.01)
        raise RuntimeError(self.log.read_text())

    def leave(self) -> None:
        self.process.send_signal(signal.SIGTERM)


async def switch(port: int, start: Callable[[int], Serving], switches: int) -> Upstream:
    """Let one process after the other take over; what became of the POSTs."""
    upstream = Upstream(port)
    serving = start(0)
    await asyncio.to_thread(serving.ready)
    async with posting(upstream):
        for number in range(1, switches + 1):
            successor = start(number)
            await asyncio.to_thread(successor.ready)
            served = upstream.done + len(upstream.failures)
            await asyncio.to_thread(serving.leave)
            serving = successor
            async with asyncio.timeout(60):
                while upstream.done + len(upstream.failures) < served + 100:
                    await asyncio.sleep(0.01)
    serving.leave()
    return upstream


def main(switches: int = 25) -> None:
    """Compare, for each server."""
    for kind in (UVICORN, SYNC, GTHREAD):
        python = kind.python()
        runtime = Runtime()
        plain: list[Plain] = []
        with listening() as owned, tempfile.TemporaryDirectory() as folder:

            def ours(number: int) -> Serving:
                return Ours(runtime.start(python, owned, **kind.settings))  # noqa: B023

            def theirs(number: int) -> Serving:
                log = Path(folder, f"{number}.log")
                plain.append(Plain(python, kind, owned, log))  # noqa: B023
                return plain[-1]  # noqa: B023

            try:
                for name, start in (("quiesce", ours), ("SIGTERM, plain", theirs)):
                    done = asyncio.run(switch(owned.getsockname()[1], start, switches))
                    failed = len(done.failures)
                    print(
                        f"{kind.name:36} {name:15} {switches} switches, {done.done + failed:6} "
                        f"POSTs, {failed:4} failed",
                        flush=True,
                    )
            finally:
                runtime.close()
                for served in plain:
                    served.process.kill()
                    served.process.wait(10)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
