"""From a plan to a report: set up, run the open loop, put together what it found."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tenfold.errors import LoadError
from tenfold.load.client import At, Client, Clock
from tenfold.load.counts import latency_report, milliseconds, request_report
from tenfold.load.engine import Ended, Progress, Run, cancelled
from tenfold.load.guard import checked_base_url, make_room_for
from tenfold.load.ledger import Ledger
from tenfold.load.plan import LoadPlan
from tenfold.load.report import GeneratorReport, LedgerReport, LoadReport, generator_warnings
from tenfold.load.setup import run_setup

_T = TypeVar("_T")


async def run_load(
    plan: LoadPlan,
    base_url: str,
    *,
    ledger: Ledger | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_request: Callable[[Ended], None] | None = None,
    stop: asyncio.Event | None = None,
    allow_remote: bool = False,
    at: At = (),
    drain_seconds: float = 5.0,
    clock: Clock = time.perf_counter,
) -> LoadReport:
    """Make the load and report on it.

    Setting `stop` ends the sending; answers to what was sent are then awaited for at most
    `drain_seconds`. The ledger, when given, is written but not closed: close it before it is
    compared. `on_request` is told of every request that ends. On a loop of
    :func:`~tenfold.load.loop.new_loop` requests leave on time to some
    0.1 ms, on others to 1 ms. `at` are the addresses of one's own site, whose name may lead
    elsewhere from here; it needs no `allow_remote`.

    Raises:
        UsageError, Refused: the URL is none, is not of this machine (without `allow_remote`), or
            the limit of open files is too low.
        LoadError: a setup request failed, `stop` was set during the setup, or the ledger can no
            longer be written.
    """
    site = checked_base_url(base_url, allow_remote=allow_remote or bool(at))
    make_room_for(plan.max_in_flight)
    stop = stop or asyncio.Event()
    rng = random.Random(f"choices {plan.seed}")  # noqa: S311 (repeatable on purpose, no secret)
    async with Client(site, keep_alive=plan.keep_alive, at=at, clock=clock) as client:
        captured = await _unless(stop, run_setup(plan, client, rng.choice))
        run = Run(
            plan, client, captured, rng.choice, ledger, stop, clock, drain_seconds, on_request
        )
        await run.to_the_end(on_progress)
    if ledger is not None:
        await asyncio.to_thread(ledger.flush)
    return _report(run, site)


async def _unless(stop: asyncio.Event, setup: Coroutine[Any, Any, _T]) -> _T:
    """The setup's result; no request of it is waited for any longer once `stop` is set."""
    work, stopping = asyncio.create_task(setup), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise LoadError("the load was stopped during its setup, before anything was measured")
        return work.result()
    finally:
        await cancelled({work, stopping})


def _report(run: Run, site: str) -> LoadReport:
    plan, tally = run.plan, run.tally
    elapsed = max(run.sent_for, tally.last_end)
    overall = request_report("all", tally.overall)
    generator = GeneratorReport(
        cpu_share=round(run.cpu_share, 4),
        lateness_ms=latency_report(tally.lateness),
        not_sent=tally.kept_back,
        most_in_flight=run.most_in_flight,
    )
    return LoadReport(
        run_id=plan.run_id,
        base_url=site,
        seed=plan.seed,
        arrivals=plan.arrivals,
        keep_alive=plan.keep_alive,
        duration_seconds=plan.duration_seconds,
        ramp_seconds=plan.ramp_seconds,
        elapsed_seconds=round(elapsed, 3),
        stopped_early=run.stop.is_set(),
        rate_asked=plan.rate,
        rate_due=round(overall.due / elapsed, 2),
        rate_answered=round(overall.succeeded / elapsed, 2),
        overall=overall,
        requests=tally.request_reports(),
        writes=tally.write_report(),
        timeline=tally.timeline(),
        generator=generator,
        ledger=None if run.ledger is None else _ledger_report(run.ledger),
        warnings=(*plan.notes, *generator_warnings(generator)),
    )


def _ledger_report(ledger: Ledger) -> LedgerReport:
    return LedgerReport(
        path=str(ledger.path),
        sent=ledger.sent,
        acknowledged=ledger.acknowledged,
        longest_fsync_ms=milliseconds(ledger.longest_fsync_seconds),
    )
