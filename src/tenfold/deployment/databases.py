"""Looking at every database that a move between stages may be about: at disks, then at servers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from tenfold.deployment.intent import pinned
from tenfold.engines.postgresql import orders
from tenfold.engines.postgresql.admin import MAINTENANCE
from tenfold.engines.postgresql.disk import DiskState, parse_disk_state
from tenfold.engines.postgresql.login import Connection, Login, connect, login
from tenfold.engines.postgresql.peers import database, slot_name
from tenfold.engines.postgresql.render import server
from tenfold.engines.postgresql.replication import (
    CopyProgress,
    copy_progress,
    follower_state,
    slot,
    slots,
)
from tenfold.errors import TargetError, TenfoldError
from tenfold.stages import path as stages_path
from tenfold.stages.facts import Machine
from tenfold.topology.databases import ObservedDatabase, Role
from tenfold.topology.model import Unit
from tenfold.transitions.crossing import members

if TYPE_CHECKING:
    from tenfold.deployment.intent import Intent
    from tenfold.transitions.blueprint import Blueprint

SLOT = "tenfold_"


def observe_databases(
    intent: Intent, *, clustered: bool = False, not_compared: Collection[str] = ()
) -> dict[str, ObservedDatabase]:
    """Every member that there is or may be, by its path in the names of the intent's topology.

    Args:
        intent: of the position that is asked about.
        clustered: the members of stage 1k, too.
        not_compared: copies that nobody has compared with their leader, by the journal.

    Raises:
        TargetError: an agent broke off, or an order of its own failed.
    """
    blueprint = everything(intent, clustered=clustered)
    units = members(blueprint.topology)
    return {
        u.path: replace(
            _observe(u, blueprint, intent, clustered), compared=u.path not in not_compared
        )
        for u in units
    }


@dataclass(frozen=True, slots=True)
class Following:
    """How the follower of a position stands, by the paths of both.

    ``behind_bytes`` is how much log it lacks, ``None`` without an answer. ``lost``: the leader has
    let go of log that it still needs, so it can never catch up. ``copy`` is how far its data is
    copied, while that is done.
    """

    leader: str
    follower: str
    behind_bytes: int | None = None
    lost: bool = False
    copy: CopyProgress | None = None


def following(
    intent: Intent, *, coming: bool = False, clustered: bool = False, within_seconds: int = 10
) -> Following | None:
    """How the follower of this position stands; ``None`` where there is none.

    Args:
        intent: for the position.
        coming: also one that is only to come, by a move that is being prepared.
        clustered: that move is to stage 1k.
        within_seconds: how long either server may take to let somebody in, and then to answer.
    """
    blueprint = everything(intent, clustered=clustered) if coming else intent.blueprint
    units = members(blueprint.topology)
    led = [u for u in units if intent.goal.leads(u)]
    others = [u for u in units if not intent.goal.leads(u)]
    if not led or not others:
        return None
    leader, follower = (
        login(u, blueprint.scene(u), "superuser", database=MAINTENANCE) for u in (led[0], others[0])
    )
    name = slot_name(database(others[0]))
    found = Following(led[0].path, others[0].path)
    # One may not run; whoever asks for the lag sees that.
    with suppress(TenfoldError, psycopg.Error), _asking(leader, within_seconds) as one:
        kept = slot(one, name)
        lost = not coming if kept is None else kept.lost
        found = replace(found, lost=lost, copy=copy_progress(one, name))
        if found.copy is None:
            with _asking(follower, within_seconds) as other:
                behind = follower_state(one, other, name).behind_bytes
                found = replace(found, behind_bytes=behind)
    return found


@contextmanager
def _asking(who: Login, within_seconds: int) -> Iterator[Connection]:
    with connect(who, within_seconds=within_seconds) as session, session.within(within_seconds):
        yield session


def everything(intent: Intent, *, clustered: bool = False) -> Blueprint:
    """The intent's blueprint with both databases of the path in it, so that both can be asked;
    of the path to stage 1k, where they are ``clustered``."""
    topology = intent.goal.topology
    known = {u.path for u in topology.units} | {h.name for h in topology.hosts}
    host = topology.hosts[0]
    full = stages_path.position(
        "100+1k" if clustered else stages_path.observed_from(topology.stage),
        intent.spec,
        Machine(cores=host.cores, memory_bytes=host.memory_bytes),
        intent.app_facts,
    )
    there = pinned(full.topology, intent.toolbox.postgresql_major)
    more = replace(
        topology,
        hosts=(*topology.hosts, *(h for h in there.hosts if h.name not in known)),
        units=(*topology.units, *(u for u in members(there) if u.path not in known)),
    )
    return replace(
        intent.blueprint,
        topology=more,
        hosts={h.name: intent.target.locate(h) for h in more.hosts},
        leaders=intent.goal.leaders,
    )


def _observe(unit: Unit, blueprint: Blueprint, intent: Intent, clustered: bool) -> ObservedDatabase:
    if unit.host not in intent.target.hosts():
        return ObservedDatabase(unit.path, "absent")
    scene = blueprint.scene(unit)
    folder = server(unit, scene).data
    agent = intent.target.reach(unit.host)
    if agent is None:
        return ObservedDatabase(unit.path, "unknown", folder=folder)
    agent.write(blueprint.scripts(unit))
    finished = agent.run(orders.disk_state(unit, scene))
    if finished.code != 0:
        raise TargetError(f"{unit.path} cannot be looked at", detail=finished.tail)
    state = parse_disk_state(finished.tail)
    seen = agent.observe().unit(unit.name)
    running = seen is not None and seen.state == "running"
    found = ObservedDatabase(
        unit.path,
        role(state, clustered=clustered),
        running=running,
        removed=state.removed,
        folder=folder,
    )
    return _asked(found, unit, blueprint) if running else found


def role(state: DiskState, *, clustered: bool) -> Role:
    """What a disk says of its database; where they are ``clustered`` Patroni may have had it."""
    if not state.cluster:
        return "absent"
    if state.signal == "none":
        return "leader"
    # Patroni writes nothing into the file of whoever follows.
    fenced = state.signal == "fenced" if clustered else state.fenced
    return "fenced" if fenced else "follower"


def _asked(found: ObservedDatabase, unit: Unit, blueprint: Blueprint) -> ObservedDatabase:
    """With what only its server tells; one that does not let anybody in is known less well."""
    who = login(unit, blueprint.scene(unit), "superuser", database=MAINTENANCE)
    with suppress(TenfoldError), connect(who) as session:
        row = session.execute("SELECT sum(pg_database_size(oid)) FROM pg_database").fetchone()
        nodes = {
            int(s.name.removeprefix(SLOT))
            for s in slots(session)
            if s.kind == "physical" and s.name.removeprefix(SLOT).isdigit()
        }
        return replace(found, slots=frozenset(nodes), size_bytes=int(str(row[0])) if row else None)
    return found
