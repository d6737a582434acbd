"""``python -m benchmarks.sampled_load URL RATE FILE``: an open loop that keeps every latency.

``tenfold load`` keeps a histogram of the whole, from which no stretch of time can be cut later.
This one writes a line for each request, until SIGTERM: when it was due, in seconds since the epoch,
and its latency in milliseconds from then, or ``null``.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.windows import Sample
from tenfold.load import new_loop, new_run_id, plan_load
from tenfold.load.answer import Answer
from tenfold.load.client import Client
from tenfold.load.engine import Run
from tenfold.load.source import load_table_from
from tenfold.load.tally import Tally

LONGEST_SECONDS = 7200.0
END_SECONDS = 30.0
DRAIN_SECONDS = 5.0
SPEC = """\
[load]
ramp = "1s"
arrivals = "poisson"

[[load.requests]]
name = "read"
weight = 2
path = "/notes"

[[load.requests]]
name = "write"
weight = 1
method = "POST"
path = "/notes"
json = { text = "{id}" }
"""


@contextmanager
def sampled(url: str, rate: float, folder: Path) -> Iterator[list[Sample]]:
    """Run it while the body does; the list is filled when that is over."""
    folder.mkdir()
    file, samples = folder / "samples", list[Sample]()
    argv = [sys.executable, "-m", "benchmarks.sampled_load", url, f"{rate:g}", str(file)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
    try:
        yield samples
        if process.poll() is not None:
            raise RuntimeError(f"the load ended early\n{(folder / 'log').read_text()}")
        process.send_signal(signal.SIGTERM)
        process.wait(END_SECONDS)
    finally:
        process.kill()
        process.wait()
    samples += [Sample(*json.loads(line)) for line in file.read_text().splitlines()]


class _Kept(Tally):
    """Counts as ever, and keeps each."""

    kept: list[tuple[float, float | None]]

    def answered(self, kind: int, due: float, sent: float, answer: Answer) -> bool:
        well = super().answered(kind, due, sent, answer)
        self.kept.append((due, (answer.finished - due) * 1000 if well else None))
        return well


async def _run(url: str, rate: float, spec: Path) -> list[tuple[float, float | None]]:
    table = load_table_from(spec)
    plan = plan_load(table, run_id=new_run_id(), rate=rate, duration_seconds=LONGEST_SECONDS)
    stop, clock = asyncio.Event(), time.perf_counter
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Client(url, clock=clock) as client:
        choose = random.Random(plan.seed).choice
        run = Run(plan, client, {}, choose, None, stop, clock, DRAIN_SECONDS)
        run.tally = tally = _Kept(plan.requests)
        tally.kept = []
        epoch = time.time()
        await run.to_the_end(None)
    return [(epoch + due, latency) for due, latency in tally.kept]


def main(arguments: list[str]) -> None:
    """See the module."""
    url, rate, file = arguments
    spec = Path(file).with_suffix(".toml")
    spec.write_text(SPEC)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        kept = runner.run(_run(url, float(rate), spec))
    Path(file).write_text("".join(f"{json.dumps(one)}\n" for one in kept))


if __name__ == "__main__":
    main(sys.argv[1:])
