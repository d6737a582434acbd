"""The plan of a move between stages, as people read it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.cli.live_line import LiveLine
from tenfold.deployment.clustered import STAGE
from tenfold.deployment.expected_hold import in_words, parts_in_words
from tenfold.deployment.forecast import Forecast, forecast, keep
from tenfold.deployment.hold_trial import with_hold
from tenfold.deployment.launch import covers
from tenfold.engines.postgresql.checks import Finding
from tenfold.errors import Refused, UsageError
from tenfold.stages.guarantees import costs
from tenfold.topology.model import Pool, Topology, Unit
from tenfold.topology.settings import WorkerSettings
from tenfold.transitions import way
from tenfold.transitions.perform.databases import size
from tenfold.transitions.steps import cluster as st
from tenfold.transitions.workers import worker_pools

if TYPE_CHECKING:
    from tenfold.cli.base import Settings
    from tenfold.cli.output import Output
    from tenfold.deployment.deployment import Deployment
    from tenfold.transitions.way import Crossing

MARKS = {"stop": "✗", "warn": "!", "fine": "✓"}
COLOURS = {"stop": "red", "warn": "yellow", "fine": "dim"}


def plan_of_a_move(
    settings: Settings, deployment: Deployment, stage: str, *, file: Path | None, verbose: bool
) -> None:
    """Show it, and keep it where that is asked for."""
    if deployment.status().state == "stopped":
        raise Refused("the plan of a move is made while the app runs", next="tenfold up -d")
    crossing = way.grow(deployment.position, deployment.crossing, stage, now=time.time())
    project = deployment.layout.project.resolve()
    if file is not None and covers(crossing) and file.resolve().is_relative_to(project):
        raise UsageError(
            f"{file} lies in the project, of which the release is made that the plan names",
            next="keep the plan elsewhere",
        )
    told = _foretold(deployment, crossing, settings.output)
    app = told.after.spec.name
    if file is not None:
        keep(file, told.to_json(app))
    if settings.json:
        settings.output.object(_as_json(told, app))
        return
    _show(told, settings.output, verbose=verbose)
    command = f"{crossing.command} {file}" if file else f"{crossing.command} --to {stage}"
    settings.output.line()
    if told.refused:
        settings.output.line(f"Next   {told.refused[0].fix}")
    else:
        settings.output.line(f"Next   tenfold {command}")


def _foretold(deployment: Deployment, crossing: Crossing, output: Output) -> Forecast:
    told = forecast(deployment, crossing)
    with LiveLine(output) as line:
        return with_hold(deployment, told, line.doing)


def _as_json(told: Forecast, app: str) -> dict[str, Any]:
    return {
        **told.to_json(app),
        "stage": told.before.topology.stage,
        "changes": [
            dict(zip(("sign", "kind", "path", "what"), r, strict=True)) for r in _rows(told)
        ],
        "copies_bytes": told.size_bytes,
        "hold": told.hold,
        "hold_untried": told.untried,
        "reversible_until": "complete",
        "reversible_log_bytes": told.kept_log_bytes,
        "checks": [
            {"name": f.name, "severity": f.severity, "what": f.what, "fix": f.fix}
            for f in told.findings
        ],
    }


def _show(told: Forecast, output: Output, *, verbose: bool) -> None:
    crossing = told.crossing
    title = f"{told.after.title} · stage {crossing.home} -> {crossing.goal}"
    output.line(title, style="bold")
    output.line()
    output.columns(_rows(told), gap=2)
    for stretch in told.stretches:
        output.line()
        changes = st.AdoptDatabase | st.ReleaseDatabase
        switches = stretch.switches or any(isinstance(s, changes) for s in stretch.steps)
        name = "switch" if switches else "prepare"
        output.line(f"  {name}", style="bold")
        for step in stretch.steps:
            output.line(f"     {step.sentence()}")
    output.line()
    output.columns(_facts(told))
    for finding in told.findings:
        if verbose or finding.severity != "fine":
            _finding(finding, output)


def _facts(told: Forecast) -> list[tuple[str, ...]]:
    if covers(told.crossing):
        return _facts_of_a_launch(told)
    if STAGE in (told.crossing.home, told.crossing.goal):
        return _facts_of_care(told)
    rows: list[tuple[str, ...]] = []
    if told.size_bytes is not None:
        rows.append(("prepare", f"copies {size(told.size_bytes)}; requests go on meanwhile"))
    bound = told.after.spec.transition.max_hold_seconds
    wait = in_words(told.hold, start_seconds=told.start_seconds, untried=told.untried)
    rows.append(("switch", f"requests wait {wait}; past {bound:g} s all is taken back"))
    if (parts := parts_in_words(told.hold)) is not None:
        rows.append(("", parts))
    if worker_pools(told.after.goal.topology):
        postpone = told.after.spec.transition.max_postpone_seconds
        words = f"finish their jobs first, which puts the switch off for {postpone:g} s at most"
        rows.append(("workers", words))
    if told.start_seconds is not None:
        words = (
            f"it writes when it starts, so its workers start meanwhile: {told.start_seconds:.1f} s"
        )
        rows.append(("", words))
    rows += _way_back(told)
    if told.size_bytes is not None:
        rows.append(("needs", f"{size(told.size_bytes)} of disk, and a replication slot"))
    passed = sum(f.severity == "fine" for f in told.findings)
    refuses = f"{len(told.refused)} things stand in the way" if told.refused else "nothing"
    rows.append(("refuses", f"{refuses}: {passed} checks passed   (--verbose lists them)"))
    rows += [("server", line) for line in costs(told.after.app_facts)]
    return rows


def _facts_of_care(told: Forecast) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    if told.crossing.command == "grow":
        if told.size_bytes is not None:
            words = f"copies {size(told.size_bytes)} to another zone; requests go on meanwhile"
            rows.append(("prepare", words))
        rows.append(("switch", "the database comes into Patroni's care as it runs: nobody waits"))
    else:
        rows.append(("switch", "the database leaves Patroni's care as it runs: nobody waits"))
    rows += _way_back(told)
    passed = sum(f.severity == "fine" for f in told.findings)
    refuses = f"{len(told.refused)} things stand in the way" if told.refused else "nothing"
    rows.append(("refuses", f"{refuses}: {passed} checks passed   (--verbose lists them)"))
    return rows


def _way_back(told: Forecast) -> list[tuple[str, ...]]:
    """Until when there is one."""
    rows: list[tuple[str, ...]] = [
        ("after", "tenfold reverse takes it back, just as live, until tenfold complete")
    ]
    if told.kept_log_bytes is not None:
        log = size(told.kept_log_bytes)
        rows.append(("", f"or until {log} of log were written while the other database is away"))
    return rows


def _facts_of_a_launch(told: Forecast) -> list[tuple[str, ...]]:
    grows = told.crossing.command == "grow"
    prepare = "the app starts beside the pages; visitors go on seeing these"
    switch = "the edge leads to the app what no page answers; no request waits"
    if not grows:
        prepare = "the pages are shown as files, in front of the app"
        switch = "the edge shows the pages alone; no request waits"
    after = "tenfold reverse takes it back until tenfold complete"
    return [
        ("prepare", prepare),
        ("switch", switch),
        ("after", after if grows else f"{after}, which stops the app; its data stays"),
    ]


def _finding(finding: Finding, output: Output) -> None:
    style = COLOURS[finding.severity]
    output.line(f"  {MARKS[finding.severity]} {finding.what}", style=style)
    if finding.severity != "fine":
        for text in (finding.evidence, finding.fix):
            for line in text.splitlines():
                output.line(f"      {line}", style="dim")


def _rows(told: Forecast) -> list[tuple[str, ...]]:
    """Hosts, units and pools: ``+`` new, ``~`` changed, ``-`` gone once it is complete."""
    before, after = told.before.topology, told.after.goal.topology
    homes = _homes(told)
    rows: list[tuple[str, ...]] = []
    for host in after.hosts:
        old = homes.get(host.name)
        if old is None:
            size_of = f"zone {host.zone}, {host.cores} cores, {host.memory_bytes / 2**30:.0f} GiB"
            rows.append(("+", "host", host.name, size_of))
        elif old != host.name:
            rows.append(("~", "host", old, f"becomes {host.name}"))
        for member in after.on(host.name):
            rows += _member(member, f"{old}/{member.name}" if old else "", before, told)
    gone = _gone(told, homes)
    paths = {path for _, _, path, _ in gone}
    return [*(row for row in rows if row[2] not in paths), *gone]


def _gone(told: Forecast, homes: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What is there before and not once the move is complete; by the names of afterwards."""
    renamed = {old: new for new, old in homes.items()}
    kept = {h.name for h in told.complete.hosts} | {m.path for m in told.complete.members()}
    rows: list[tuple[str, ...]] = []
    for host in told.before.topology.hosts:
        name = renamed.get(host.name, host.name)
        if name not in kept:
            rows.append(("-", "host", name, "complete removes it"))
        for member in told.before.topology.on(host.name):
            path = f"{name}/{member.name}"
            if path not in kept:
                kind = "pool" if isinstance(member, Pool) else "unit"
                rows.append(("-", kind, path, _until_it_goes(member, path, told)))
    return rows


def _until_it_goes(member: Unit | Pool, path: str, told: Forecast) -> str:
    """What becomes of it until then; one that was not there afterwards goes with the switch."""
    if path not in {m.path for m in told.after.goal.topology.members()}:
        return "goes with the switch"
    if covers(told.crossing):
        return "complete stops it; its data stays"
    led = member.path in told.before.leaders.values()
    return "leads, then follows; complete removes it" if led else "complete removes it"


def _member(
    member: Unit | Pool, old: str, before: Topology, told: Forecast
) -> list[tuple[str, ...]]:
    kind = "pool" if isinstance(member, Pool) else "unit"
    known = {m.path for m in before.members()}
    leads = isinstance(member, Unit) and told.after.goal.leads(member)
    if old not in known:
        follows = leads and not covers(told.crossing)
        what = "follows, then leads" if follows else _what(member, alone=leads)
        return [("+", kind, member.path, what)]
    if member.engine == "postgresql":
        led = any(path == old for path in told.before.leaders.values())
        if led != leads:
            what = "follows, then leads" if leads else "leads, then follows, until complete"
            return [("~", kind, member.path, what)]
    changed = told.before.fingerprints.get(old) != told.after.goal.fingerprints.get(member.path)
    if isinstance(member.settings, WorkerSettings) and changed:
        words = "finishes its jobs, then works for the database that leads then"
        return [("~", kind, member.path, words)]
    if isinstance(member, Pool) and changed:
        return [("~", kind, member.path, "new workers, wired to the database that leads then")]
    return []


def _what(member: Unit | Pool, *, alone: bool = False) -> str:
    return {
        "patroni": "PostgreSQL in Patroni's care: follows, and leads when it must",
        "etcd": "where they agree on who leads",
        "failover": "has requests wait while nobody leads, and follows whoever does",
        "database_endpoint": "where the app reaches whoever leads",
        "postgresql": "PostgreSQL" if alone else "follows",
        "backup": "puts its log away, too, so that a change of leader leaves no gap",
    }.get(member.engine, member.engine)


def _homes(told: Forecast) -> dict[str, str]:
    """Host afterwards -> the same host before, for those that stay."""
    target = told.after.target
    names = {h.name for h in told.before.topology.hosts}
    found: dict[str, str] = {}
    for host in told.after.goal.topology.hosts:
        if host.name in names:
            found[host.name] = host.name
        elif host.name in target.hosts():
            (found[host.name],) = names - {h.name for h in told.after.goal.topology.hosts}
    return found
