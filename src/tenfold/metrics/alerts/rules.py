"""What is wrong with a site, from the snapshots of the last minutes. Pure.

Each rule gives signs. One that is ``grave`` raises an alert when it stays for :data:`FOR_SECONDS`;
one that is not keeps an alert that was raised from being over, so that a value which goes up and
down around its bound is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tenfold.metrics.alerts import leaders
from tenfold.metrics.alerts.sign import Sign
from tenfold.metrics.snapshot import Database, Snapshot
from tenfold.metrics.words import size

DAY_SECONDS: Final = 86_400.0
WINDOW_SECONDS: Final = 300.0
"""How far back the snapshots go that rules look at."""
ERROR_SECONDS: Final = 60.0
LEAST_ERRORS: Final = 5
CRASHES: Final = 3
CERTIFICATE_DAYS: Final = 7.0
CONNECTIONS_SHARE: Final = 0.9
SLOT_SHARE: Final = 0.8
ARCHIVE_SILENT_SECONDS: Final = 120.0
LATE_SECONDS: Final = 600.0

FOR_SECONDS: Final[Mapping[str, float]] = {
    "unit-down": 20.0,
    "crash-loop": 0.0,
    "agent-silent": 30.0,
    "errors": 10.0,
    "disk": 20.0,
    "certificate": 0.0,
    "database-down": 30.0,
    "connections": 60.0,
    "archive": 60.0,
    "backup": 0.0,
    "job": 0.0,
    "slot": 20.0,
    "nobody-leads": 20.0,
    "commits-alone": 30.0,
    "leader-changed": 0.0,
    "etcd-member": 30.0,
    "etcd-majority": 20.0,
}
"""For how long a grave sign must be there until it is told."""
CLEAR_SECONDS: Final = 60.0
"""For how long there must be no sign at all until it is over."""


_ENDED: Final = {"timed out": "took too long", "cut off": "was cut off"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the file may say: shares of 100."""

    disk_free_percent: float = 10.0
    error_percent: float = 5.0


def signs(past: Sequence[Snapshot], limits: Limits) -> tuple[Sign, ...]:
    """Everything that is wrong now; ``past`` is the oldest first and ends with now."""
    return tuple(sign for rule in _RULES for sign in rule(past, limits)) if past else ()


def _units(past: Sequence[Snapshot], _: Limits) -> Iterator[Sign]:
    for host in past[-1].hosts:
        down: dict[str, list[str]] = {}
        there: dict[str, int] = {}
        for unit in host.units:
            name = unit.pool or unit.name
            there[name] = there.get(name, 0) + 1
            # Of etcd it is told how many are left.
            counted = unit.engine == "etcd" and host.name in past[-1].etcd
            if unit.state in ("backoff", "failed") and not counted:
                down.setdefault(name, []).append(_first_line(unit.reason or unit.state))
        for name, reasons in down.items():
            many = (
                f"{len(reasons)} of {there[name]} processes of {name}" if there[name] > 1 else name
            )
            yield Sign(
                "unit-down",
                f"{host.name}/{name}",
                f"{many} on {host.name} {_do(len(reasons))} not run: {reasons[0]}",
                f"tenfold logs {name}; it is started again by itself",
            )


def _crashes(past: Sequence[Snapshot], _: Limits) -> Iterator[Sign]:
    before = _restarts(past[0])
    for (host, name), count in _restarts(past[-1]).items():
        grown = count - before.get((host, name), 0)
        if grown > 0:
            minutes = round((past[-1].at - past[0].at) / 60) or 1
            yield Sign(
                "crash-loop",
                f"{host}/{name}",
                f"{name} on {host} crashed {grown} times in {minutes} min",
                f"tenfold logs {name}    tells why; tenfold rollback, if a release did it",
                grave=grown >= CRASHES,
            )


def _restarts(snapshot: Snapshot) -> dict[tuple[str, str], int]:
    """Of a unit, or of a pool's members together: new members begin at nothing, and lower it."""
    found: dict[tuple[str, str], int] = {}
    for host in snapshot.hosts:
        for unit in host.units:
            key = host.name, unit.pool or unit.name
            found[key] = found.get(key, 0) + unit.restarts
    return found


def _agents(past: Sequence[Snapshot], _: Limits) -> Iterator[Sign]:
    for host in past[-1].hosts:
        if host.agent != "running":
            yield Sign(
                "agent-silent",
                host.name,
                f"the agent of {host.name} does not answer: nobody restarts what crashes there",
                "tenfold status; tenfold up brings it back",
            )


def _errors(past: Sequence[Snapshot], limits: Limits) -> Iterator[Sign]:
    now = past[-1]
    before = next((s for s in past if s.at >= now.at - ERROR_SECONDS), now)
    failed = now.edge.classes.get("5xx", 0) - before.edge.classes.get("5xx", 0)
    every = sum(now.edge.classes.values()) - sum(before.edge.classes.values())
    if every <= 0 or failed < LEAST_ERRORS:
        return
    percent = 100 * failed / every
    if percent >= limits.error_percent / 2:
        yield Sign(
            "errors",
            "edge",
            f"{percent:.0f} % of the requests of the last minute failed ({failed} of {every})",
            "tenfold logs --since 5m app; tenfold logs --since 5m edge --grep '\"status\":5'",
            grave=percent >= limits.error_percent,
        )


def _disk(past: Sequence[Snapshot], limits: Limits) -> Iterator[Sign]:
    machine = past[-1].machine
    percent = 100 * machine.disk_free_bytes / machine.disk_bytes if machine.disk_bytes else 100.0
    if percent < limits.disk_free_percent * 1.2:
        yield Sign(
            "disk",
            "data",
            f"{size(machine.disk_free_bytes)} ({percent:.0f} %) are free on the disk with the data",
            "make room, or give it a larger disk; a full one stops the database's writes",
            grave=percent < limits.disk_free_percent,
        )


def _certificate(past: Sequence[Snapshot], _: Limits) -> Iterator[Sign]:
    found = past[-1].certificate
    if found is None or found.not_after <= 0:
        return
    days = (found.not_after - past[-1].at) / DAY_SECONDS
    if days < CERTIFICATE_DAYS + 1:
        when = f"ends in {days:.1f} days" if days > 0 else "has ended: browsers refuse the site"
        failed = f"; {found.failures} attempts at another one failed" if found.failures else ""
        yield Sign(
            "certificate",
            "edge",
            f"the site's certificate {when}{failed}",
            "tenfold certificate    tells how it stands; your own one: put a new one in its place",
            grave=days < CERTIFICATE_DAYS,
        )


def _databases(past: Sequence[Snapshot], _: Limits) -> Iterator[Sign]:
    for database in past[-1].databases:
        where = f"{database.host}/postgres"
        if not database.up:
            yield Sign(
                "database-down",
                where,
                f"PostgreSQL on {database.host} lets nobody in: {_first_line(database.why)}",
                "tenfold logs postgres",
            )
            continue
        yield from _connections(database, where)
        yield from _archive(database, where, past[-1].at)
        yield from _slots(database, where)


def _backups(past: Sequence[Snapshot], _: Limits) -> Iterator[Sign]:
    """By the keeper beside the database that leads."""
    now = past[-1].at
    for backup in (b for b in past[-1].backups if b.leads):
        where = f"{backup.host}/backup"
        late = now - backup.recoverable_at if backup.recoverable_at else 0.0
        if backup.archive_fault:
            silent = now - backup.failing_since
            yield Sign(
                "archive",
                where,
                f"for {silent / 60:.0f} min nothing arrives in the archive of the database:"
                f" {_first_line(backup.archive_fault)}",
                "tenfold status; what is written meanwhile is in no backup",
                grave=silent >= ARCHIVE_SILENT_SECONDS,
            )
        elif late > LATE_SECONDS / 2:
            yield Sign(
                "archive",
                where,
                f"the newest moment in the archive of the database is {late / 60:.0f} min ago",
                "tenfold status; tenfold logs backup",
                grave=late > LATE_SECONDS,
            )
        for what, fault in (("copy", backup.copy_fault), ("trial", backup.check_fault)):
            if fault:
                yield Sign(
                    "backup",
                    f"{where} {what}",
                    f"the last {what} of a backup failed: {_first_line(fault)}",
                    "tenfold db backups    shows what there is; tenfold logs backup",
                )


def _jobs(past: Sequence[Snapshot], _: Limits) -> Iterator[Sign]:
    for job in past[-1].jobs:
        if not job.bad_runs:
            continue
        code = "" if job.code is None else f" (exit code {job.code})"
        again = f", {job.bad_runs} times in a row" if job.bad_runs > 1 else ""
        yield Sign(
            "job",
            f"{job.host}/{job.name}",
            f"the last run of the job {job.name} {_ENDED.get(job.outcome, 'failed')}{code}{again}",
            f"tenfold jobs {job.name}    shows its runs, and what they printed",
        )


def _connections(database: Database, where: str) -> Iterator[Sign]:
    used = sum(database.connections.values())
    share = used / database.max_connections if database.max_connections else 0.0
    if share >= CONNECTIONS_SHARE - 0.1:
        yield Sign(
            "connections",
            where,
            f"{used} of {database.max_connections} connections to PostgreSQL are in use",
            "fewer workers, or smaller pools in the app: tenfold doctor",
            grave=share >= CONNECTIONS_SHARE,
        )


def _archive(database: Database, where: str, now: float) -> Iterator[Sign]:
    if not database.archives or database.archive_failed_at <= database.archived_at:
        return
    silent = now - database.archived_at if database.archived_at else WINDOW_SECONDS
    yield Sign(
        "archive",
        where,
        f"PostgreSQL on {database.host} cannot archive its log, for {silent / 60:.0f} min by now:"
        f" {size(database.wal_kept_bytes)} wait on its disk",
        "tenfold logs postgres    tells why; what is not archived is in no backup",
        grave=silent >= ARCHIVE_SILENT_SECONDS,
    )


def _slots(database: Database, where: str) -> Iterator[Sign]:
    for slot in database.slots:
        lost = slot.status == "lost"
        room = slot.safe_bytes
        share = 0.0
        if room is not None and slot.retained_bytes + max(0, room) > 0:
            share = slot.retained_bytes / (slot.retained_bytes + max(0, room))
        if not lost and slot.status != "unreserved" and share < SLOT_SHARE - 0.2:
            continue
        what = (
            f"the follower of slot {slot.name} has lost its way: its log is gone"
            if lost
            else f"{size(slot.retained_bytes)} of log are kept for slot {slot.name}, and"
            f" {size(max(0, room or 0))} more until it is given up"
        )
        yield Sign(
            "slot",
            f"{where} {slot.name}",
            what,
            "tenfold status    shows the follower; past the bound the way back is lost",
            grave=lost or slot.status == "unreserved" or share >= SLOT_SHARE,
        )


def _leaders(past: Sequence[Snapshot], _: Limits) -> Iterator[Sign]:
    return leaders.signs(past)


_RULES: Final[Sequence[Callable[[Sequence[Snapshot], Limits], Iterator[Sign]]]] = (
    _units,
    _crashes,
    _agents,
    _errors,
    _disk,
    _certificate,
    _databases,
    _backups,
    _jobs,
    _leaders,
)


def _first_line(text: str) -> str:
    return (text.splitlines() or [""])[0][:200]


def _do(count: int) -> str:
    return "does" if count == 1 else "do"
