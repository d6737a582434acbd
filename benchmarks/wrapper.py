"""What the wrapper in the app's process costs, alone: no edge, no database."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.support.venvs import environment

from benchmarks import wrapper_overhead as overhead
from benchmarks.figures import Goal
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding
from benchmarks.workplace import Workplace, alternating

GOAL = Goal(at_most=1.05)
REQUESTS, WARMING, ASKED = 2000, 1000, 3
HOW = f"""\
One uvicorn through Tenfold's launcher beside one without it, each asked {ASKED} times {REQUESTS}
requests a round over {overhead.CONNECTIONS} kept-alive connections, in turns: a FastAPI route
with one path parameter that returns a dict. Both are started anew for every round, because one
start of the same program differs from the next by a few percent. Processor time of the server's
process as the kernel accounts it, which neither the client nor waiting enters; the middle of a
round's {ASKED}."""


def measure(options: Options, place: Workplace) -> Finding:
    """Start and ask both servers in turns."""
    python = environment("overhead", overhead.PACKAGES) / "bin" / "python"
    requests = REQUESTS // 10 if options.quick else REQUESTS
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        Path(folder, "main.py").write_text(overhead.APP)
        for turn in range(options.rounds_or(24)):
            with (
                overhead.plain(python, folder) as plain,
                overhead.wrapped(python, folder) as wrapped,
            ):
                took = asyncio.run(_round(alternating(wrapped, plain, turn), requests))
            ours.append(median(took[wrapped.name]))
            theirs.append(median(took[plain.name]))
    cost = Comparison("processor time per request", "µs", tuple(ours), tuple(theirs), goal=GOAL)
    return Finding("wrapper", "The wrapper alone", HOW, (cost,))


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
