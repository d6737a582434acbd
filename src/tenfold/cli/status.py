"""``tenfold status``: one glance."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import click

from tenfold.cli import edges, under_way, zones
from tenfold.cli.base import Settings, command
from tenfold.cli.edges import with_edges
from tenfold.cli.maintenance import sentence as maintenance_sentence
from tenfold.cli.output import Output
from tenfold.cli.ways import way_on
from tenfold.cli.wording import user_files
from tenfold.cli.zones import DOTS
from tenfold.deployment import alerts, backups, certificate, figures
from tenfold.deployment import jobs as scheduled
from tenfold.deployment.backups import Standing
from tenfold.deployment.certificate import Certificate
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.job_words import trouble, when
from tenfold.deployment.jobs import Jobs
from tenfold.deployment.journal import require_not_lost
from tenfold.deployment.own_certificate import OwnCertificate
from tenfold.deployment.status import Status, fails_over, never_up
from tenfold.drills.kept import Kept
from tenfold.engines.nginx.maintenance import from_json
from tenfold.errors import JournalError, TenfoldError
from tenfold.metrics.alerts.alert import Alert
from tenfold.observe import trend
from tenfold.observe.report.figures import count
from tenfold.observe.traffic import Traffic, by_route, whole
from tenfold.spec.read import load
from tenfold.stages.path import BY_ITSELF, begins_at
from tenfold.topology.drained import brings_back
from tenfold.transitions.restoring import choices as ways_on
from tenfold.transitions.restoring import from_json as from_restore

Certified = Certificate | OwnCertificate
HOUR_SECONDS = 3600.0
AFTER_RESTORE = {
    "resume": "goes on from here",
    "abort": "removes what was prepared",
    "reverse": "has the other data lead again, without what was written since",
    "complete": "deletes the other data, and with it the way back",
}


@command("status")
@click.option("--routes", is_flag=True, help="Also the traffic of every route.")
@click.option("--units", is_flag=True, help="Every unit with its process, also where zones are.")
def status(settings: Settings, routes: bool, units: bool) -> None:
    """Stage, hosts, units, health, traffic and the release that serves.

    Where there are several zones each has a line; --units shows every unit instead. Of a move
    between stages: its phase and step, how much is copied or how far the copy is behind, who is at
    work on it, and what may be done now.

    \b
    tenfold status
    tenfold status --units
    tenfold status --routes
    tenfold status --json | jq .state
    """
    layout = settings.layout()
    metrics: Mapping[str, Any] = {}
    kept: Certified | None = None
    data: Standing | None = None
    watched: Watched | None = None
    jobs: Jobs | None = None
    if layout.exists():
        deployment = Deployment.open(layout, stale=True)
        found = deployment.status()
        metrics = deployment.metrics(silent=found.silent)
        kept = certificate_of(deployment)
        data = backups_of(deployment)
        found = replace(found, storage=tuple(asdict(k) for k in deployment.user_files()))
        found = with_database(found, deployment)
        found = with_edges(found)
        found = with_failover(found, deployment)
        found = with_drill(found, deployment)
        watched = watched_by(deployment)
        jobs = jobs_of(deployment)
        if jobs is not None:
            found = replace(found, jobs=tuple(job.to_json() for job in jobs.jobs))
        found = under_way.with_follower(found, deployment)
    else:
        require_not_lost(layout)
        spec = load(layout.spec, environment=layout.environment)
        found = never_up(spec.name, begins_at(spec), layout.environment)
    if settings.json:
        told = {
            "traffic": whole(metrics).to_json(),
            "certificate": kept and kept.to_json(),
            "backup": data and data.to_json(),
            "last_hour": watched and trend.to_json(watched.series),
            "alerts": watched and [asdict(alert) for alert in watched.alerts],
        }
        settings.output.object({**found.to_json(), **told})
        return
    show(found, whole(metrics), settings.output, kept, data, watched, jobs, units=units)
    if routes:
        settings.output.line()
        settings.output.columns([_traffic_row(t) for t in by_route(metrics)])


@dataclass(frozen=True, slots=True)
class Watched:
    """The figures of the last hour, how they read, and the alerts that fire."""

    series: figures.Found
    sentence: str | None
    alerts: tuple[Alert, ...]


def watched_by(deployment: Deployment) -> Watched | None:
    """What ``[metrics]`` knows; ``None`` where there is no history."""
    until = time.time()
    since = until - HOUR_SECONDS
    found = figures.read(deployment, ("requests", "errors", "p95_ms"), since, until)
    if not found:
        return None
    standing = alerts.read(deployment)
    firing = standing.firing if standing else ()
    return Watched(found, trend.traffic(found, since, until), firing)


def with_database(found: Status, deployment: Deployment) -> Status:
    """The status with how the user's own database is, where the app has one."""
    from tenfold.deployment.external import seen  # drivers that no other status needs

    yours = seen(deployment)
    if yours is None:
        return found
    told = replace(found, database=yours.to_json())
    if yours.why is None or found.state not in ("running", "degraded"):
        return told
    why = f"{yours.why}. The app runs on without it; nothing is restarted for that"
    return replace(told, state="degraded", missing=(*found.missing, why))


def with_failover(found: Status, deployment: Deployment) -> Status:
    """The status with who leads and who may next, where the database fails over by itself."""
    settled = deployment.position in BY_ITSELF
    if found.state == "stopped" or not fails_over(found, settled=settled):
        return found
    from tenfold.deployment.clustered import standing  # drivers that no other status needs

    try:
        told = standing(deployment)
    except TenfoldError:  # whoever does not answer is told of already
        return found
    state = "degraded" if found.state == "running" and told.troubles else found.state
    missing = (*found.missing, *told.troubles)
    failover = {**asdict(told), "rule": told.rule}
    return replace(found, failover=failover, state=state, missing=missing)


def with_drill(found: Status, deployment: Deployment) -> Status:
    """The status with what a drill has broken, or has left broken."""
    if not Kept(deployment.layout.state).path.exists():
        return found
    try:
        broken = Kept(deployment.layout.state).read()
    except JournalError as fault:
        harm = f"{fault.what}; {fault.next}"
        return replace(found, drill={"name": None, "harm": harm, "state": "unreadable"})
    if broken is None:  # mended just now
        return found
    told = {
        "name": broken.drill,
        "harm": broken.sentence(),
        "since": broken.since,
        "state": "on" if deployment.lock.holder() else "left",
    }
    return replace(found, drill=told)


def drill_line(told: Mapping[str, Any]) -> str:
    """In a sentence."""
    if told["state"] == "unreadable":
        return str(told["harm"])
    at = time.strftime("%H:%M:%S", time.localtime(told["since"]))
    if told["state"] == "on":
        return f"{told['name']} is on since {at}: {told['harm']}"
    return (
        f"{told['name']} was ended, and since {at} this is broken: {told['harm']}; "
        "tenfold drill --mend    mends it"
    )


def failover_line(told: Mapping[str, Any]) -> tuple[str, bool]:
    """In a sentence, and whether that is all well."""
    leader, in_sync = told["leader"], told["in_sync"]
    agree, members = told["etcd_agree"], told["etcd_members"]
    leads = f"{leader} leads" if leader else "nobody leads just now"
    may = f"{' and '.join(in_sync)} in sync" if in_sync else "nobody else is in sync"
    if told["told_by"] == "nobody":
        may = "nobody can say who is in sync"
    well = bool(leader and in_sync) and agree == members
    return f"{leads}, {may} · etcd {agree} of {members}", well


def host_lines(told: Mapping[str, Any]) -> list[str]:
    """Of hosts that were taken out, or are being, with the command to give."""
    cut_off = told["cut_off"]
    goes_on = "tenfold resume goes on with it, tenfold abort gives it up"
    return [
        *([f"{cut_off} was cut off: {goes_on}"] if cut_off else ()),
        *(
            f"{n} is drained: {brings_back(n, told['emptied'])}    brings it back"
            for n in told["drained"]
        ),
    ]


def certificate_of(deployment: Deployment) -> Certified | None:
    """How the site's certificate stands, where there is one and its host answers."""
    try:
        return certificate.look(deployment, deployment.observe(silent=True))
    except TenfoldError:  # whoever does not answer is told of already
        return None


def backups_of(deployment: Deployment) -> Standing | None:
    """How the backups stand, where some are kept and their host answers."""
    try:
        return backups.look(deployment, deployment.observe(silent=True))
    except TenfoldError:  # whoever does not answer is told of already
        return None


def standing_lines(head: str, kept: Certified | Standing, output: Output) -> None:
    """A line if all is well, a few in yellow if not."""
    for number, sentence in enumerate(kept.sentences()):
        start = f"{head:<10}" if number == 0 else " " * 10
        output.line(f"  {start}{sentence}", style="yellow" if kept.urgent else None)


def jobs_of(deployment: Deployment) -> Jobs | None:
    """How the scheduled jobs stand, where there are any and their host answers."""
    try:
        found = scheduled.look(deployment, deployment.observe(silent=True))
    except TenfoldError:  # whoever does not answer is told of already
        return None
    return found if found.jobs and found.state is not None else None


def job_lines(jobs: Jobs, output: Output) -> None:
    """A line if all is well, one more for each that is not."""
    head = [count(len(jobs.jobs), "job")]
    following = min(((j.next, j.name) for j in jobs.jobs if j.next is not None), default=None)
    if following is not None:
        head.append(f"next {following[1]} at {when(following[0])}")
    output.line(f"  jobs      {', '.join(head)}")
    for sentence in filter(None, map(trouble, jobs.jobs)):
        output.line(f"{'':<12}{sentence}", style="yellow")


def show(
    found: Status,
    traffic: Traffic,
    output: Output,
    kept: Certified | None = None,
    data: Standing | None = None,
    watched: Watched | None = None,
    jobs: Jobs | None = None,
    *,
    units: bool = False,
) -> None:
    """The status as one calm screen."""
    parts = [found.title, f"stage {found.stage}"]
    if found.release:
        parts.append(f"release {found.release}")
    parts.append(found.state)
    output.line(" · ".join(parts), style="bold")
    output.line()
    if found.edges is not None:
        edges.show(found.edges, output)
        output.line()
    elif found.url and found.state not in ("stopped",):
        output.line(f"  {found.url}")
        output.line()
    if found.maintenance:
        notice = from_json(found.maintenance)
        assert notice is not None
        output.line(f"  {maintenance_sentence(notice)}", style="yellow")
        output.line()
    if zones.several(found) and found.state != "stopped" and not units:
        _show_zones(found, output)
    else:
        output.columns(unit_rows(found))
    if found.pages and found.state != "stopped":
        output.line()
        output.line(f"  pages     those of {found.pages} are shown as files")
    if found.missing:
        output.line()
        for sentence in found.missing:
            output.line(f"  {sentence}", style="yellow")
    if found.deeds:
        output.line()
        for deed in found.deeds:
            at = time.strftime("%H:%M:%S", time.localtime(deed.at))
            output.line(f"  {at}  {deed.what}", style="yellow")
    if kept is not None:
        output.line()
        standing_lines("tls", kept, output)
    if data is not None:
        output.line()
        standing_lines("data", data, output)
    if found.transition:
        output.line()
        for line in under_way.lines(found.transition, time.time()):
            output.line(f"  {line}")
    if found.journal_since is not None:
        output.line()
        at = time.strftime("%H:%M:%S on %d %B", time.localtime(found.journal_since))
        output.line(
            f"  journal   etcd does not answer: stage and moves are as of {at}; whoever serves goes"
            " on, and nothing is begun",
            style="yellow",
        )
    if found.restore:
        output.line()
        output.line(f"  restore   {_restore(found.restore)}", style="yellow")
    if found.database and found.database["answers"]:
        output.line()
        output.line(f"  database  yours, {_database(found.database)}")
    if found.failover:
        sentence, well = failover_line(found.failover)
        output.line()
        output.line(f"  database  {sentence}", style=None if well else "yellow")
        if found.failover["leader"]:
            output.line(f"{'':<12}{found.failover['rule']}")
        for line in host_lines(found.failover):
            output.line(f"  host      {line}", style="yellow")
    if found.drill:
        output.line()
        output.line(f"  drill     {drill_line(found.drill)}", style="yellow")
    if jobs is not None:
        output.line()
        job_lines(jobs, output)
    if found.storage:
        output.line()
        output.line(f"  files     {user_files(found.storage)}")
    if traffic.requests:
        output.line()
        _, *told = _traffic_row(traffic)
        output.line(f"  traffic   {', '.join(told)}, since these workers started")
    if watched is not None:
        _show_watched(watched, output)
    output.line()
    output.line(f"Next   {_next(found)}")


def _show_zones(found: Status, output: Output) -> None:
    output.columns(zones.rows(found))
    troubles = zones.troubles(found)
    if troubles:
        output.line()
        output.columns(troubles)


def _restore(told: Mapping[str, Any]) -> str:
    kept = from_restore(told)
    assert kept is not None
    if not kept.reached:
        return f"of backup {kept.backup} was cut off"
    now = "of before" if kept.aim == "before" else f"of backup {kept.backup}"
    return f"the database runs on the data {now}; the other one is kept, until  tenfold complete"


def _show_watched(watched: Watched, output: Output) -> None:
    if watched.sentence is not None:
        output.line(f"  last hour {watched.sentence}")
    for alert in watched.alerts:
        output.line(f"  alert     {alert.what}", style="yellow")


def _database(told: Mapping[str, Any]) -> str:
    return (
        f"PostgreSQL {told['version']} at {told['place']} as {told['user']};"
        " Tenfold neither backs it up nor moves it"
    )


def _traffic_row(traffic: Traffic) -> tuple[str, ...]:
    return (
        traffic.name,
        f"{traffic.requests} requests",
        f"{traffic.failed} failed",
        f"p50 {traffic.p50_ms or 0:.1f} ms",
        f"p99 {traffic.p99_ms or 0:.1f} ms",
    )


def unit_rows(found: Status) -> list[tuple[str, ...]]:
    """A row per unit: host, name, engine, state, pid, endpoint, note."""
    return [row for host in found.hosts for row in _host_rows(host)]


def _host_rows(host: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for index, unit in enumerate(host["units"]):
        where = host["name"] if index == 0 else ""
        dot = DOTS.get(unit["state"], "○")
        note = unit.get("reason") or ""
        if unit.get("replaced") and not unit.get("release"):
            note = f"{note}  not what is installed by now: tenfold upgrade"
        if unit.get("restarts"):
            note = f"restarted {unit['restarts']} x  {note}"
        pid = f"pid {unit['pid']}" if unit["pid"] else ""
        state = f"{dot} {unit['state']}"
        endpoint = unit["endpoint"] or ""
        rows.append((where, unit["name"], unit["engine"], state, pid, endpoint, note.strip()))
    return rows


def _next(found: Status) -> str:
    if found.restore:
        kept = from_restore(found.restore)
        assert kept is not None
        return f"\n{'':<7}".join(f"tenfold {c:<12} {AFTER_RESTORE[c]}" for c in ways_on(kept))
    doing = found.transition or {}
    choices = doing.get("may", ())
    if choices:
        to, home = (doing.get(end) for end in ("to", "from"))
        typed = [
            f"tenfold {c}" + (f" --to {to}" if c in ("grow", "shrink") else "") for c in choices
        ]
        return f"\n{'':<7}".join(
            f"{t:<20} {way_on(c, (home, to), found.stage)}"
            for t, c in zip(typed, choices, strict=True)
        )
    if found.state == "stopped":
        return "tenfold up"
    if found.state == "degraded":
        return "tenfold logs    tells why; units that crash are restarted"
    if found.state == "in-transition" or doing.get("holder"):
        return "tenfold lock    tells who is at work"
    if found.stage == "1":
        return "tenfold deploy    makes the pages anew    ·    tenfold publish    ·    tenfold grow"
    return "tenfold deploy    brings the next release    ·    tenfold logs -f"
