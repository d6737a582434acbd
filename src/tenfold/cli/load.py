"""``tenfold load``: open-loop traffic on the app, with a ledger of its acknowledged writes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.first_answer import edge_addresses
from tenfold.cli.output import Output
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.reporting import load_folder
from tenfold.deployment.work import serving
from tenfold.engines.postgresql.external import driverless
from tenfold.errors import Refused
from tenfold.load import (
    Ledger,
    LoadPlan,
    LoadReport,
    Progress,
    judge,
    new_loop,
    new_run_id,
    plan_load,
    render,
    run_load,
)
from tenfold.load.client import At
from tenfold.load.publishing import Told, published
from tenfold.secret import Secret


@command("load")
@click.option("--rate", type=float, help="Requests per second at the plateau.")
@click.option("--duration", type=float, metavar="SECONDS", help="How long, ramp included.")
@click.option("--seed", type=int, help="Which arrivals and choices; the same seed, the same load.")
@click.option("--url", help="The site; default: this app's.")
@click.option("--allow-remote", is_flag=True, help="The site is yours, and not on this machine.")
@click.option("--ledger", type=click.Path(path_type=Path), help="Where to write the ledger.")
def load(
    settings: Settings,
    rate: float | None,
    duration: float | None,
    seed: int | None,
    url: str | None,
    allow_remote: bool,
    ledger: Path | None,
) -> None:
    """Make traffic, prove that no write was lost.

    Open-loop load as [load] says; then acknowledged writes are compared with the database. Latency
    counts from when a request was due, so a server that stalls cannot hide it. Nothing is tried
    again. Exit code 1 if a request failed or a write was lost or doubled.

    \b
    tenfold load
    tenfold load --rate 200 --duration 60
    """
    deployment = Deployment.existing(settings.layout())
    plan = plan_load(
        deployment.spec().load,
        run_id=new_run_id(),
        rate=rate,
        duration_seconds=duration,
        seed=seed,
        path=deployment.layout.spec,
    )
    now = deployment.status()
    if url is None and (now.state == "stopped" or now.url is None):
        raise Refused(f"{now.title} does not run", next="tenfold up, or name a site with --url")
    site = url or str(now.url)
    # The edges of this very deployment, also where its name leads elsewhere from here.
    reach = Reach(allow_remote, edge_addresses(now) if url is None else ())
    path = ledger or _ledger_path(deployment)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        figures = load_folder(deployment.layout) if site == now.url else None
        report = runner.run(_load(plan, site, path, settings.output, reach, figures))
        if plan.keeps_ledger and report.ledger is not None:
            dsn = _dsn(deployment)
            report = report.compared(
                runner.run(judge(path, plan.source, dsn=dsn, base_url=site, **reach._asdict()))
            )
    if settings.json:
        settings.output.object(report.to_json())
    else:
        click.echo(render(report), nl=False)
    sys.exit(0 if report.ok else 1)


class Reach(NamedTuple):
    """Whom the load may reach, and at which addresses if not at those of the name."""

    allow_remote: bool
    at: At


async def _load(
    plan: LoadPlan,
    site: str,
    path: Path,
    output: Output,
    reach: Reach,
    figures: Path | None,
) -> LoadReport:
    """Make the load; while it loads this app, its figures are there for a report."""
    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(Ledger(path, plan.run_id)) if plan.keeps_ledger else None
        stop = stack.enter_context(_stopped_by_signals())
        tell = stack.enter_context(_told(output))
        if figures is not None:
            own = path if ledger is not None else None
            publish = stack.enter_context(published(figures, rate=plan.rate, ledger=own))
            tell = _both(tell, publish)
        return await run_load(
            plan, site, ledger=ledger, stop=stop, on_progress=tell, **reach._asdict()
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


def _ledger_path(deployment: Deployment) -> Path:
    folder = deployment.layout.state / "ledgers"
    folder.mkdir(exist_ok=True)
    return folder / f"{datetime.now():%Y-%m-%d-%H%M%S}.ledger"


def _dsn(deployment: Deployment) -> Secret | None:
    """The app's database, if this deployment has one that runs."""
    intent = serving(deployment)
    if intent.database_url is not None:
        return driverless(intent.database_url)
    database = intent.blueprint.document.databases.get("main")
    if database is None:
        return None
    return Secret(database.url(intent.blueprint.secrets["main.app"].reveal()))
