"""What the wrapper in the app's process costs, alone: no edge, no database."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.support.venvs import environment

from benchmarks import wrapper_overhead as overhead
from benchmarks.figures import Goal
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding
from benchmarks.workplace import Workplace, alternating

GOAL = Goal(at_most=1.05)
REQUESTS = 4000
HOW = f"""\
One uvicorn through Tenfold's launcher beside one without it, each asked {REQUESTS} times a round
over {overhead.CONNECTIONS} kept-alive connections, in turns: a FastAPI route with one path
parameter that returns a dict. Processor time of the server's process as the kernel accounts it,
which neither the client nor waiting enters."""


def measure(options: Options, place: Workplace) -> Finding:
    """Ask both servers in turns."""
    python = environment("overhead", overhead.PACKAGES) / "bin" / "python"
    with tempfile.TemporaryDirectory(dir=place.folder) as folder:
        Path(folder, "main.py").write_text(overhead.APP)
        with (
            overhead.plain(python, folder) as theirs,
            overhead.wrapped(python, folder) as ours,
        ):
            for server in (ours, theirs):
                overhead.until_up(server)
            took = asyncio.run(_rounds(ours, theirs, options))
    return Finding(
        name="wrapper",
        title="The wrapper alone",
        how=HOW,
        comparisons=(
            Comparison(
                "processor time per request",
                "µs",
                tuple(took[ours.name]),
                tuple(took[theirs.name]),
                goal=GOAL,
            ),
        ),
    )


async def _rounds(
    ours: overhead.Server, theirs: overhead.Server, options: Options
) -> dict[str, list[float]]:
    requests = REQUESTS // 10 if options.quick else REQUESTS
    took: dict[str, list[float]] = {ours.name: [], theirs.name: []}
    for server in (ours, theirs):
        await overhead.ask(server, requests)
    for turn in range(options.rounds_or(20)):
        for server in alternating(ours, theirs, turn):
            took[server.name].append(await overhead.ask(server, requests) / 1000)
    return took
