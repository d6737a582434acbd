"""``tenfold audit``: who did what, when, and how it ended."""

from __future__ import annotations

import shlex
import time

import click

from tenfold.cli.base import Settings, command
from tenfold.deployment.deeds import known
from tenfold.deployment.deployment import Deployment
from tenfold.observe.report.figures import duration
from tenfold.state.audit import AgentDeed, Entry, Log

SIGNS = {"done": "✓", "handed over": "✓", "running": "·"}


@command("audit")
@click.option("-n", "count", type=click.IntRange(1, 100_000), default=30, help="How many; 30.")
@click.option("--failed", is_flag=True, help="Only what did not end well.")
@click.option("--of", "of", metavar="COMMAND", help='Only this command: "deploy", "secrets set".')
def audit(settings: Settings, count: int, failed: bool, of: str | None) -> None:
    """Who gave which command, when, and how it ended; the newest last.

    Commands that change something or look into the app's data are written down before they begin,
    and again when they end: refused ones, too, and of one that was killed the missing end tells.
    Secrets are left out of their arguments. What the agents did by themselves stands between.

    \b
    tenfold audit
    tenfold audit --failed -n 100
    tenfold audit --of deploy --json
    """
    layout, output = settings.layout(), settings.output
    told: list[Entry | AgentDeed] = [
        e for e in Log(layout.audit).entries() if _wanted(e, failed, of)
    ]
    if layout.exists() and not failed and of is None:
        told += known(Deployment.open(layout))
    found = sorted(told, key=_at)[-count:]
    if settings.json:
        for entry in found:
            output.object(entry.to_json())
        return
    if not found:
        output.line("nothing is written down yet")
    for entry in found:
        if isinstance(entry, Entry):
            _show(entry, settings)
        else:
            output.line(f"· {_when(entry.at)}  by itself  agent of {entry.host}")
            output.line(f"    {entry.what}", literal=True)


def _at(entry: Entry | AgentDeed) -> float:
    return float(entry.began["at"]) if isinstance(entry, Entry) else entry.at


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _wanted(entry: Entry, failed: bool, of: str | None) -> bool:
    fine = entry.outcome in SIGNS
    return not (failed and fine) and of in (None, entry.began["command"])


def _show(entry: Entry, settings: Settings) -> None:
    began, ended = entry.began, entry.ended or {}
    when = _when(began["at"])
    took = "" if entry.seconds is None else f"  {duration(entry.seconds)}"
    sign = SIGNS.get(entry.outcome, "✗")
    typed = shlex.join(["tenfold", *began["arguments"]])
    settings.output.line(f"{sign} {when}  {entry.outcome}{took}  {_who(entry)}")
    settings.output.line(f"    {typed}", literal=True)
    if ended.get("error"):
        settings.output.line(f"    {ended['error'].splitlines()[0]}", style="yellow")
    changed = [
        f"{what} {began[f'{what}_before'] or 'none'} -> {ended[f'{what}_after'] or 'none'}"
        for what in ("release", "stage")
        if ended and _moved(what, began[f"{what}_before"], ended.get(f"{what}_after"))
    ]
    if changed:
        settings.output.line(f"    {', '.join(changed)}", style="dim")


def _moved(what: str, before: str | None, after: str | None) -> bool:
    """Whether that is worth a line; that there is a stage at all is not."""
    return before != after and (what == "release" or before is not None)


def _who(entry: Entry) -> str:
    began = entry.began
    login = f" ({began['login']})" if began["login"] not in (None, began["user"]) else ""
    tty = (began["tty"] or "no terminal").removeprefix("/dev/")
    return f"{began['user']}{login}, {tty}, pid {began['pid']}"
