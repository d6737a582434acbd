"""Requests per second of each server beside uvicorn, one worker each, behind an edge-like nginx.

``python -m benchmarks.other_servers [rounds]`` takes turns: every round loads each server once, so
that whatever else the machine does meets all of them. A route of Starlette that answers one word.
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.contract.app_servers.conftest import CONFIG
from tests.support import app_process
from tests.support.app_process import HYPERCORN, UVICORN, UVICORNS, Kind, Runtime, listening
from tests.support.edge import as_nobody, nobodys_folder

from benchmarks import wrk
from tenfold.engines.granian.render import command
from tenfold.engines.nginx import find
from tenfold.topology.settings import AppSettings

SECONDS = 4.0
GRANIAN_ALONE = AppSettings(entry="asgi_app:app", interface="asgi", server="granian", threads=0)

PLAIN = (
    *("{python}", "-m", "uvicorn", "asgi_app:app", "--no-access-log"),
    *("--host", "{host}", "--port", "$PORT"),
)


def kinds() -> dict[str, Kind]:
    """One worker of each."""
    words = command("{python}", GRANIAN_ALONE)
    return {
        "uvicorn": UVICORN,
        "hypercorn": HYPERCORN,
        "granian, behind its door": replace(
            app_process.GRANIAN,
            settings={**app_process.GRANIAN.settings, "command": words, "listeners": 1},
        ),
        "uvicorn as a command, behind a door": replace(
            UVICORN, settings={**UVICORNS.settings, "workers": 1, "command": PLAIN}
        ),
    }


@contextmanager
def edge(folder: Path, upstream: int) -> Iterator[str]:
    """An nginx that keeps connections to the app, as the edge does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    (folder / "nginx.conf").write_text(CONFIG.format(app=upstream, port=port))
    process = subprocess.Popen(
        [find().path, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"], **as_nobody()
    )
    try:
        while True:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield f"http://127.0.0.1:{port}/items/7"
    finally:
        process.terminate()
        process.wait(10)


def burst(kind: Kind, seconds: float) -> wrk.Burst:
    """Start it, warm it up, load it."""
    runtime = Runtime()
    with listening() as owned, nobodys_folder() as folder:
        try:
            runtime.start(kind.python(), owned, **kind.settings).accept()
            with edge(folder, owned.getsockname()[1]) as url:
                wrk.burst(url, 1.0)
                return wrk.burst(url, seconds)
        finally:
            runtime.close()


def main(rounds: int) -> int:
    """Print answers per second and the ratio to uvicorn."""
    if not wrk.available():
        print(wrk.HOW_TO_GET)
        return 1
    rates: dict[str, list[float]] = {name: [] for name in kinds()}
    for _ in range(rounds):
        for name, kind in kinds().items():
            found = burst(kind, SECONDS)
            rates[name].append(found.per_second)
            print(f"{name}: {found.per_second:.0f}/s, {found.errors} errors", flush=True)
    base = statistics.median(rates["uvicorn"])
    for name, found_rates in rates.items():
        middle = statistics.median(found_rates)
        print(f"| {name} | {middle:.0f} | {middle / base:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
