"""The hosts of a site in several zones, a line for each zone: what status shows at one glance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tenfold.deployment.status import Status
from tenfold.observe.report.figures import size

DOTS = {
    "running": "●",
    "warm": "◐",
    "starting": "◐",
    "draining": "◑",
    "holding": "◑",
    "stopping": "◑",
}
BESIDE = ("agent", "database", "failover", "certificate", "backup", "metrics")
"""Units that are shown where something is wrong with them, and else are not worth a place."""
WELL = ("running", "streaming", "in archive recovery")
"""Patroni's words for a server that works."""

Rows = list[tuple[str, ...]]


def several(found: Status) -> bool:
    """Whether there is more than one zone to show."""
    return len({host["zone"] for host in found.hosts}) > 1


def rows(found: Status) -> Rows:
    """Columns: the zone, its app's host, edge, app and what else is there; its database's host,
    the database, etcd."""
    zones = sorted({host["zone"] for host in found.hosts})
    return [_zone(zone, found) for zone in zones]


def troubles(found: Status) -> Rows:
    """What is not as it must be, as rows: unit, state, why."""
    told: Rows = []
    for host in found.hosts:
        for unit in host["units"]:
            why = unit.get("reason") or ""
            restarts = unit.get("restarts")
            if restarts:
                why = f"restarted {restarts} x  {why}".strip()
            if unit["state"] not in ("running", "warm", "resting") or why:
                state = f"{DOTS.get(unit['state'], '○')} {unit['state']}"
                told.append((f"{host['name']}/{unit['name']}", state, why))
    return told


def _zone(zone: str, found: Status) -> tuple[str, ...]:
    hosts = [host for host in found.hosts if host["zone"] == zone]
    front = [h for h in hosts if _has(h, ("edge",)) or _has(h, ("app",))]
    back = [h for h in hosts if h not in front]
    return (
        f"zone {zone}",
        _names(front),
        *(_cell(name, front) for name in ("edge", "app")),
        _others(front),
        _names(back),
        _database(back, found.failover),
        _etcd(back, found.failover),
    )


def _names(hosts: Iterable[Mapping[str, Any]]) -> str:
    return " ".join(_called(host) for host in hosts)


def _called(host: Mapping[str, Any]) -> str:
    """By its name; one whose agent does not answer shows that."""
    agent = next((u for u in host["units"] if u["name"] == "agent"), None)
    state = "stopped" if agent is None else agent["state"]
    return str(host["name"]) if state == "running" else f"{host['name']} ○ {state}"


def _task(unit: Mapping[str, Any]) -> str:
    """What a unit is for: ``app.3.1`` is of the app."""
    return str(unit["name"]).partition(".")[0]


def _has(host: Mapping[str, Any], tasks: tuple[str, ...]) -> bool:
    return any(_task(unit) in tasks for unit in host["units"]) or (
        # Of a host that says nothing its name is all there is.
        len(host["units"]) == 1 and str(host["name"]).rstrip("0123456789") in tasks
    )


def _dots(units: Iterable[Mapping[str, Any]]) -> str:
    return "".join(DOTS.get(unit["state"], "○") for unit in units)


def _cell(task: str, hosts: Iterable[Mapping[str, Any]]) -> str:
    dots = _dots(u for host in hosts for u in host["units"] if _task(u) == task)
    return f"{task} {dots}" if dots else ""


def _others(hosts: Iterable[Mapping[str, Any]]) -> str:
    """Redis, workers, jobs: what is there once."""
    shown = ("edge", "app", "postgres", "etcd", *BESIDE)
    tasks = dict.fromkeys(
        _task(u) for host in hosts for u in host["units"] if _task(u) not in shown
    )
    return "  ".join(_cell(task, hosts) for task in tasks)


def _database(hosts: Iterable[Mapping[str, Any]], failover: Mapping[str, Any] | None) -> str:
    """Who leads, and of the others how much they lack."""
    known = {member["host"]: member for member in (failover or {}).get("databases", ())}
    told = []
    for host in hosts:
        units = [u for u in host["units"] if u["name"] == "postgres"]
        member = known.get(host["name"])
        if not units and member is None:
            continue
        told.append(f"postgres {_dots(units) or '○'} {_standing(member)}".rstrip())
    return "  ".join(told)


def _standing(member: Mapping[str, Any] | None) -> str:
    if member is None:
        return ""
    if member["leads"]:
        return "leads"
    if member["state"] not in WELL:
        return str(member["state"])
    behind = member["behind_bytes"]
    lacks = "" if behind is None else f"{size(behind)} behind"
    return ", ".join(filter(None, ("in sync" if member["in_sync"] else "not in sync", lacks)))


def _etcd(hosts: Iterable[Mapping[str, Any]], failover: Mapping[str, Any] | None) -> str:
    """Its dot is full only where it agrees with the others."""
    agrees = (failover or {}).get("etcd", {})
    dots = "".join(
        "○" if agrees.get(host["name"]) is False else DOTS.get(unit["state"], "○")
        for host in hosts
        for unit in host["units"]
        if unit["name"] == "etcd"
    )
    silent = "" if dots else "○" * sum(agrees.get(host["name"]) is False for host in hosts)
    return f"etcd {dots or silent}" if dots or silent else ""
