"""``tenfold load``: open-loop traffic on the app, with a ledger of its acknowledged writes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.loading import Place, place
from tenfold.cli.output import Output
from tenfold.errors import (
    Interrupted,
    JournalError,
    LoadError,
    TargetError,
    TenfoldError,
    UsageError,
)
from tenfold.load import (
    Comparison,
    Ledger,
    LoadPlan,
    LoadReport,
    Progress,
    comparison_json,
    judge,
    new_loop,
    new_run_id,
    plan_load,
    render,
    render_comparison,
    require_judgeable,
    run_load,
)
from tenfold.load.judging import again, by_sql
from tenfold.load.lookup import NotNow
from tenfold.load.publishing import Told, published
from tenfold.secret import Secret
from tenfold.spec import read

T = TypeVar("T")

MOVING_SECONDS = 30.0
"""How long one that does not lead, or does not answer, may be one that is just being moved."""
LOOK_EVERY_SECONDS = 0.5


@command("load")
@click.option("--rate", type=float, help="Requests per second at the plateau.")
@click.option("--duration", type=float, metavar="SECONDS", help="How long, ramp included.")
@click.option("--seed", type=int, help="Which arrivals and choices; the same seed, the same load.")
@click.option("--url", help="The site; default: this app's.")
@click.option("--allow-remote", is_flag=True, help="The site is yours, and not on this machine.")
@click.option("--ledger", type=click.Path(path_type=Path), help="Where to write the ledger.")
@click.option(
    "--compare",
    metavar="LEDGER",
    type=click.Path(path_type=Path),
    help="No load: compare the ledger of a run that is over.",
)
@click.option(
    "--check-dsn-env",
    metavar="VARIABLE",
    help="Compare with the database whose address it has; default: this app's.",
)
def load(
    settings: Settings,
    rate: float | None,
    duration: float | None,
    seed: int | None,
    url: str | None,
    allow_remote: bool,
    ledger: Path | None,
    compare: Path | None,
    check_dsn_env: str | None,
) -> None:
    """Make traffic, prove that no write was lost.

    Open-loop load as [load] says; then acknowledged writes are compared with the database. Latency
    counts from when a request was due, so a server that stalls cannot hide it. Nothing is tried
    again. Exit code 1 if a request failed, a write was lost or doubled, or the ledger could not be
    compared. With --url only tenfold.toml is needed, no app that was brought up here.

    \b
    tenfold load
    tenfold load --rate 200 --duration 60
    tenfold load --compare .tenfold/ledgers/2026-11-26-143000.ledger
    """
    if compare is not None and (rate, duration, seed, ledger) != (None, None, None, None):
        raise UsageError(
            "--compare makes no load", next="leave --rate, --duration, --seed and --ledger out"
        )
    layout = settings.layout()
    plan = plan_load(
        read.load(layout.spec, environment=layout.environment).load,
        run_id=new_run_id(),
        rate=rate,
        duration_seconds=duration,
        seed=seed,
        path=layout.spec,
    )
    there = place(
        layout,
        url=url,
        allow_remote=allow_remote,
        dsn_env=check_dsn_env,
        needs_site=compare is None or not by_sql(plan.source),
    )
    with asyncio.Runner(loop_factory=new_loop) as runner:
        if compare is None:
            _load_and_judge(settings, runner, plan, there, ledger)
        else:
            _only_judge(settings, runner, plan, there, compare)


def _only_judge(
    settings: Settings, runner: asyncio.Runner, plan: LoadPlan, there: Place, ledger: Path
) -> None:
    comparison = runner.run(_of_whoever_leads(there, lambda: _judge(plan, there, ledger)))
    if settings.json:
        settings.output.object(comparison_json(comparison))
    else:
        click.echo(render_comparison(comparison), nl=False)
    sys.exit(0 if comparison.holds else 1)


def _load_and_judge(
    settings: Settings, runner: asyncio.Runner, plan: LoadPlan, there: Place, ledger: Path | None
) -> None:
    """Make the load; its report is shown whatever becomes of the comparison."""
    path = None
    if plan.keeps_ledger:
        runner.run(_of_whoever_leads(there, lambda: _require_judgeable(plan, there)))
        path = ledger or there.new_ledger()
    report = runner.run(_load(plan, there, path, settings.output))
    failure: LoadError | Interrupted | None = None
    if path is not None:
        try:
            judged = _of_whoever_leads(there, lambda: _judge(plan, there, path))
            report = report.compared(runner.run(judged))
        except TenfoldError as error:
            report = report.not_compared(error.what)
            failure = again(error, path, there.compare_again(path))
        except KeyboardInterrupt:
            report = report.not_compared("it was interrupted")
            failure = Interrupted(
                "the comparison",
                changed=f"the load was made, see its report; its ledger is kept: {path}",
                next=f"{there.compare_again(path)}    compares again",
            )
    if settings.json:
        settings.output.object(report.to_json())
    else:
        click.echo(render(report), nl=False)
    if failure is not None:
        raise failure
    sys.exit(0 if report.ok else 1)


async def _require_judgeable(plan: LoadPlan, there: Place) -> None:
    await require_judgeable(plan.source, dsn=_dsn(plan, there), run_id=plan.run_id)


async def _judge(plan: LoadPlan, there: Place, ledger: Path) -> Comparison:
    return await judge(
        ledger,
        plan.source,
        dsn=_dsn(plan, there),
        base_url=there.site,
        **there.reach._asdict(),
    )


async def _of_whoever_leads(there: Place, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask; while a database is being moved, who leads is found out anew, for a while."""
    deadline = time.monotonic() + MOVING_SECONDS
    while True:
        try:
            return await ask()
        except (NotNow, TargetError, JournalError):
            if not there.moves or time.monotonic() > deadline:
                raise
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _dsn(plan: LoadPlan, there: Place) -> Secret | None:
    return there.dsn() if by_sql(plan.source) else None


async def _load(plan: LoadPlan, there: Place, path: Path | None, output: Output) -> LoadReport:
    """Make the load; while it loads this app, its figures are there for a report."""
    assert there.site is not None
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(Ledger(path, plan.run_id)) if path is not None else None
        stop = stack.enter_context(_stopped_by_signals())
        tell = stack.enter_context(_told(output))
        if there.figures is not None:
            publish = stack.enter_context(published(there.figures, rate=plan.rate, ledger=path))
            tell = _both(tell, publish)
        return await run_load(
            plan,
            there.site,
            ledger=ledger,
            stop=stop,
            on_progress=tell,
            **there.reach._asdict(),
        )


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    """The first Ctrl-C ends the load early, with a report."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


class _Tell:
    def __init__(self, output: Output) -> None:
        self._output = output
        self._status = output.console.status("starting") if output.live else None

    def __call__(self, progress: Progress) -> None:
        text = (
            f"{progress.elapsed_seconds:.0f} of {progress.duration_seconds:.0f} s"
            f" · {progress.succeeded} answered · {progress.failed} failed"
            f" · {progress.in_flight} on their way"
        )
        if self._status:
            self._status.update(text)
        self._output.event("progress", {"text": text})


def _both(one: Told, other: Told) -> Told:
    def tell(progress: Progress) -> None:
        one(progress)
        other(progress)

    return tell


@contextlib.contextmanager
def _told(output: Output) -> Iterator[Told]:
    tell = _Tell(output)
    with tell._status or contextlib.nullcontext():
        yield tell
