"""What the wrapper in the app's process costs, alone: no edge, no database."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.support.app_process import Runtime
from tests.support.venvs import environment

from benchmarks import wrapper_overhead as overhead
from benchmarks.figures import Goal
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding
from benchmarks.workplace import Workplace, alternating

Pair = tuple[float, float]

GOAL = Goal(at_most=1.05)
REQUESTS, WARMING, ASKED = 2000, 1000, 3
IN_PROCESS = Path(overhead.__file__).with_name("wrapper_in_process.py")
PAIRS = 20  # of turns in one process
HOW = f"""\
A FastAPI route with one path parameter that returns a dict, on uvicorn with and without Tenfold's
wrapper; processor time, which neither the client nor waiting enters. The request is as an edge
passes it on: who asks is read from its headers on both sides, by uvicorn itself on the one, as it
does by default, and by the wrapper on the other. *In one process*: both
behind uvicorn's protocol, without sockets, in turns; a round is the middle of {PAIRS} pairs in a
process of its own. It is the steadier figure, and what the kernel does for a request is not in
it. *Over loopback*: two servers, each asked {ASKED} times {REQUESTS} requests a round over
{overhead.CONNECTIONS} kept-alive connections, both started anew for every round, because one
start of the same program differs from the next by a few percent."""


def measure(options: Options, place: Workplace) -> Finding:
    """In one process, then over loopback."""
    python = environment("overhead", overhead.PACKAGES) / "bin" / "python"
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        Path(folder, "main.py").write_text(overhead.APP)
        rounds = range(options.rounds_or(24))
        inside = [_in_process(python, folder) for _ in rounds]
        outside = [_over_loopback(python, folder, turn, options) for turn in rounds]
    return Finding(
        name="wrapper",
        title="The wrapper alone",
        how=HOW,
        comparisons=(
            _comparison("one request, in one process", inside),
            _comparison("one request, over loopback", outside),
        ),
    )


def _comparison(what: str, rounds: list[Pair]) -> Comparison:
    ours, theirs = zip(*rounds, strict=True)
    return Comparison(what, "µs of processor time", ours, theirs, goal=GOAL)


def _in_process(python: Path, folder: str) -> Pair:
    """Microseconds per request, wrapped and plain, whose ratio is the middle one."""
    runtime = Runtime()
    try:
        done = subprocess.run(
            [str(python), str(IN_PROCESS), str(PAIRS), overhead.REQUEST.decode()],
            env={"PYTHONPATH": f"{runtime.folder}:{folder}"},
            stdout=subprocess.PIPE,
            check=True,
            timeout=300,
        )
    finally:
        runtime.close()
    pairs = sorted(json.loads(done.stdout), key=lambda pair: pair[1] / pair[0])
    plain, wrapped = pairs[len(pairs) // 2]
    return wrapped / 1000, plain / 1000


def _over_loopback(python: Path, folder: str, turn: int, options: Options) -> Pair:
    """Microseconds per request, wrapped and plain, each the middle of some."""
    requests = REQUESTS // 10 if options.quick else REQUESTS
    with overhead.plain(python, folder) as plain, overhead.wrapped(python, folder) as wrapped:
        took = asyncio.run(_round(alternating(wrapped, plain, turn), requests))
    return median(took[wrapped.name]), median(took[plain.name])


async def _round(servers: Sequence[overhead.Server], requests: int) -> dict[str, list[float]]:
    """Microseconds of processor time per request, by server."""
    took: dict[str, list[float]] = {server.name: [] for server in servers}
    for server in servers:
        overhead.until_up(server)
        await overhead.ask(server, WARMING)
    for _ in range(ASKED):
        for server in servers:
            took[server.name].append(await overhead.ask(server, requests) / 1000)
    return took
