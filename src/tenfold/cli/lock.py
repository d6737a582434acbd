"""``tenfold lock``: who is at work, and keeping others away on purpose."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict

import click

from tenfold.cli.base import Settings, command
from tenfold.deployment.deployment import Deployment, worker_of
from tenfold.errors import Refused
from tenfold.state.layout import Layout
from tenfold.state.lock import Lock
from tenfold.transitions.journal.at_work import Worker


@command("lock")
@click.argument("action", type=click.Choice(["show", "acquire", "release"]), default="show")
@click.option("-m", "--message", default="", help="Why; shown to everybody who is kept away.")
def lock(settings: Settings, action: str, message: str) -> None:
    """Who is at work; keep others away.

    A command's own lock ends with the command, however that ends: it cannot go stale. A
    reservation (acquire) stays until it is released.

    \b
    tenfold lock
    tenfold lock acquire -m "moving the office"
    tenfold lock release
    """
    layout = settings.layout()
    if not layout.exists() and action != "acquire":
        settings.output.line("nobody is at work: this app was never brought up")
        settings.output.event("lock", {"holder": None, "reservation": None})
        return
    layout.create()
    held = Lock(layout.lock)
    elsewhere = _elsewhere(layout) if layout.exists() else None
    if action == "acquire":
        held.reserve(message or "no reason given")
    elif action == "release" and not held.release():
        raise Refused("there is no reservation to release", next="tenfold lock   shows who works")
    _show(settings, held, elsewhere)


def _elsewhere(layout: Layout) -> Worker | None:
    """Who is at work from another folder, where the journal is in etcd and answers."""
    with closing(Deployment.open(layout, stale=True).journal) as journal:
        return journal.worker_elsewhere(worker_of(layout, ""))


def _show(settings: Settings, held: Lock, elsewhere: Worker | None) -> None:
    holder, reservation = held.holder(), held.reservation()
    settings.output.event(
        "lock",
        {
            "holder": asdict(holder) if holder else None,
            "reservation": asdict(reservation) if reservation else None,
            "elsewhere": asdict(elsewhere) if elsewhere else None,
        },
    )
    now = time.time()
    if holder:
        settings.output.line(
            f"{holder.reason} is at work since {holder.age(now)} (pid {holder.pid}, {holder.user})"
        )
    if reservation:
        settings.output.line(
            f"reserved by {reservation.user} {reservation.age(now)} ago: {reservation.reason}"
        )
    if elsewhere:
        settings.output.line(elsewhere.sentence)
    if not holder and not reservation and not elsewhere:
        settings.output.line("nobody is at work")
