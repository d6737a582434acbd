"""What the wrapper costs on a trivial FastAPI route: uvicorn plain and through the launcher.

``python -m benchmarks.wrapper_overhead [rounds]`` prints two ratios, each from pairs in turns:

- *in process*: both apps behind uvicorn's protocol in one process, without sockets. The steadier
  figure, and the stricter one: what the kernel does for a request is not in the denominator.
- *over loopback*: both servers at once, over kept connections. The clock is the kernel's account of
  time on a processor (``/proc/PID/task/*/schedstat``), which waiting for the client does not enter;
  even so, two processes with equal code differ by a few percent with their luck in memory.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.app_process import Runtime, listening
from tests.support.venvs import environment

PACKAGES = ("fastapi==0.*", "uvicorn[standard]==0.*")
APP = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{number}")
async def item(number: int) -> dict[str, int]:
    return {"number": number}
"""
REQUEST = (
    b"GET /items/7 HTTP/1.1\r\nHost: app.test\r\nX-Request-ID: 7f3a\r\nX-Real-IP: 203.0.113.7\r\n"
    b"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nAccept: */*\r\n\r\n"
)
"""As an edge passes one on; who asks, both sides take from there, as uvicorn does by default."""
CONNECTIONS = 8
REQUESTS = 240


@dataclass(frozen=True)
class Server:
    """A server under measurement."""

    name: str
    pid: int
    port: int

    def busy_ns(self) -> int:
        """Time on a processor so far, over all threads."""
        files = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(file.read_text().split()[0]) for file in files)


@contextmanager
def plain(python: Path, folder: str) -> Iterator[Server]:
    """uvicorn as anyone would start it behind a proxy, without an access log.

    Not with ``--fd``: uvicorn takes such a socket for a unix socket, so TCP_NODELAY stays off and
    every answer waits for the client's delayed acknowledgement.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    options = ["--no-access-log", "--no-server-header", "--log-level", "warning"]
    command = [str(python), "-m", "uvicorn", "main:app", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=folder)
    try:
        yield Server("uvicorn", process.pid, port)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def wrapped(python: Path, folder: str) -> Iterator[Server]:
    """The same through the launcher."""
    runtime = Runtime()
    with listening() as owned:
        try:
            process = runtime.start(
                python, owned, cwd=Path(folder), server="uvicorn", entry="main:app"
            )
            process.accept()
            yield Server("through the launcher", process.process.pid, owned.getsockname()[1])
        finally:
            runtime.close()


async def ask(server: Server, requests: int) -> float:
    """Ask so often, over a few connections; processor nanoseconds per request."""
    before = server.busy_ns()

    async def client(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for _ in range(count):
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            await reader.readexactly(len(b'{"number":7}'))
        writer.close()

    await asyncio.gather(*(client(requests // CONNECTIONS) for _ in range(CONNECTIONS)))
    return (server.busy_ns() - before) / requests


async def over_loopback(first: Server, second: Server, rounds: int) -> None:
    """Measure both servers in turns."""
    for server in (first, second):
        await ask(server, REQUESTS)
    pairs = []
    for number in range(rounds):
        order = (first, second) if number % 2 else (second, first)
        took = {server.name: await ask(server, REQUESTS) for server in order}
        pairs.append((took[first.name], took[second.name]))
    report("over loopback", pairs)


def in_process(python: Path, folder: str, rounds: int) -> None:
    """Measure both apps in one process."""
    runtime = Runtime()
    try:
        done = subprocess.run(
            [
                str(python),
                str(Path(__file__).with_name("wrapper_in_process.py")),
                str(rounds),
                REQUEST.decode(),
            ],
            env={"PYTHONPATH": f"{runtime.folder}:{folder}"},
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        runtime.close()
    report("in process", json.loads(done.stdout))


def report(title: str, pairs: list[tuple[float, float]]) -> None:
    """Print what pairs of nanoseconds per request, plain and wrapped, amount to."""
    plain, wrapped = (statistics.median(values) / 1000 for values in zip(*pairs, strict=True))
    ratios = [second / first for first, second in pairs]
    low, high = interval(ratios)
    print(
        f"{title:14} plain {plain:6.1f} us  wrapped {wrapped:6.1f} us of processor per request  "
        f"ratio {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f} at 95 %, "
        f"{len(pairs)} rounds)"
    )


def interval(ratios: list[float], resamples: int = 4000) -> tuple[float, float]:
    """A bootstrap interval of the median."""
    chance = random.Random(1)
    medians = sorted(
        statistics.median(chance.choices(ratios, k=len(ratios))) for _ in range(resamples)
    )
    return medians[int(0.025 * resamples)], medians[int(0.975 * resamples)]


def until_up(server: Server) -> None:
    """Wait until it answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{server.name} does not answer")


def main(rounds: int = 200) -> None:
    """Run both measurements."""
    python = environment("overhead", PACKAGES) / "bin/python"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "main.py").write_text(APP)
        in_process(python, folder, rounds)
        with plain(python, folder) as first, wrapped(python, folder) as second:
            until_up(first)
            until_up(second)
            asyncio.run(over_loopback(first, second, rounds))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
