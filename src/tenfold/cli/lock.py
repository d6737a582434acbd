"""``tenfold lock``: who is at work, and keeping others away on purpose."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from tenfold.cli.base import Settings, command
from tenfold.errors import Refused
from tenfold.state.lock import Lock


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
    if action == "acquire":
        held.reserve(message or "no reason given")
    elif action == "release" and not held.release():
        raise Refused("there is no reservation to release", next="tenfold lock   shows who works")
    _show(settings, held)


def _show(settings: Settings, held: Lock) -> None:
    holder, reservation = held.holder(), held.reservation()
    settings.output.event(
        "lock",
        {
            "holder": asdict(holder) if holder else None,
            "reservation": asdict(reservation) if reservation else None,
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
    if not holder and not reservation:
        settings.output.line("nobody is at work")
