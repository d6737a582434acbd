"""``tenfold status``: one glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.status import Status, never_up
from tenfold.spec.read import load

DOTS = {"running": "●", "warm": "◐", "starting": "◐", "draining": "◑", "stopping": "◑"}


@command("status")
def status(settings: Settings) -> None:
    """Stage, hosts, units, health and the release that serves.

    \b
    tenfold status
    tenfold status --json | jq .state
    """
    layout = settings.layout()
    if layout.exists():
        found = Deployment.open(layout).status()
    else:
        found = never_up(load(layout.spec).name)
    if settings.json:
        settings.output.object(found.to_json())
    else:
        show(found, settings.output)


def show(found: Status, output: Output) -> None:
    """The status as one calm screen."""
    parts = [found.app, f"stage {found.stage}"]
    if found.release:
        parts.append(f"release {found.release}")
    parts.append(found.state)
    output.line(" · ".join(parts), style="bold")
    output.line()
    if found.url and found.state not in ("stopped",):
        output.line(f"  {found.url}")
        output.line()
    output.columns(unit_rows(found))
    if found.missing:
        output.line()
        for sentence in found.missing:
            output.line(f"  {sentence}", style="yellow")
    if found.transition:
        output.line()
        output.line(_transition(found))
    output.line()
    output.line(f"Next   {_next(found)}")


def unit_rows(found: Status) -> list[tuple[str, ...]]:
    """A row per unit: host, name, engine, state, pid, endpoint, note."""
    return [row for host in found.hosts for row in _host_rows(host)]


def _host_rows(host: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for index, unit in enumerate(host["units"]):
        where = host["name"] if index == 0 else ""
        dot = DOTS.get(unit["state"], "○")
        note = unit.get("reason") or ""
        if unit.get("restarts"):
            note = f"restarted {unit['restarts']} x  {note}"
        pid = f"pid {unit['pid']}" if unit["pid"] else ""
        state = f"{dot} {unit['state']}"
        endpoint = unit["endpoint"] or ""
        rows.append((where, unit["name"], unit["engine"], state, pid, endpoint, note.strip()))
    return rows


def _transition(found: Status) -> str:
    doing = found.transition or {}
    where = f"step {doing['position']} of {doing['of']}, {doing['step']}"
    if doing["state"] == "running":
        return f"  {doing['kind']} is under way: {where}"
    return f"  {doing['kind']} was cut off at {where}; the same command again goes on from there"


def _next(found: Status) -> str:
    if found.state == "stopped":
        return "tenfold up"
    if found.state == "degraded":
        return "tenfold logs    tells why; units that crash are restarted"
    if found.state == "in-transition":
        return "tenfold lock    tells who is at work"
    return "tenfold deploy    brings the next release    ·    tenfold logs -f"
