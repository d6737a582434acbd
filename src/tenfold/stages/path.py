"""The path between two stages: positions, each a topology in which the app can stay for days.

::

    1         published pages, shown as they are published
    1+10      the same, and the app beside them, with its database; nobody is led there   ▲ abort
    ────────────────────────────── the switch: the edge takes a new configuration ──────────────
    10+1      the app behind the edge, and the pages in front of it as files    reverse │ complete
    10        one database, beside the app
    10+100    the same, and a copy of it on its own host, which follows      reverse  │  ▲ abort
    ────────────────────────────── the switch: requests wait ──────────────────────────────────
    100+10    the copy leads; the old database follows it: the way back      grow     ▼  │ complete
    100       one database, on its own host
    100+1k    the same, a follower in a second zone, and etcd in three              ▲ abort
    ────────── the switch: the running database comes into Patroni's care; nobody waits ────────
    1k+100    every zone serves; the way back is to release it as it runs   reverse │ complete
    1k        every zone serves, whoever leads

From one position to the next leads one plan. ``grow`` walks down this list and stops before the
last step, which takes the way back away and is left to ``complete``; ``shrink`` walks up likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tenfold.spec.model import AppSpec
from tenfold.stages import stage_1, stage_1k, stage_10, stage_100
from tenfold.stages.facts import AppFacts, Machine
from tenfold.topology.model import Topology, Unit
from tenfold.topology.settings import (
    DatabaseSettings,
    EtcdSettings,
    PatroniSettings,
    RedisSettings,
    WorkerSettings,
)

CLUSTER: Final = "main"
TO_1K: Final = ("100", "100+1k", "1k+100", "1k")
"""The positions to stage 1k."""
ORDER: Final = ("1", "1+10", "10+1", "10", "10+100", "100+10", *TO_1K)
FAILS_OVER: Final = TO_1K[1:]
"""The positions that have etcd, and what else a database needs that fails over by itself."""
BY_ITSELF: Final = ("1k+100", "1k")
"""The positions at which the database is in Patroni's care: whoever leads is not ours to say."""
WITHOUT_APP: Final = ("1",)
"""The positions that have no app."""
SHOW_PAGES: Final = ("1", "1+10", "10+1")
"""The positions that show pages as files, whatever was shown before."""


@dataclass(frozen=True, slots=True)
class Position:
    """One topology on the path. ``leaders`` maps a database cluster to the unit that leads it;
    none where the database is the user's own."""

    name: str
    topology: Topology
    leaders: Mapping[str, str]

    @property
    def stage(self) -> str:
        """The stage that the app is at."""
        return stage_of(self.name)


def position(name: str, spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    """The position of this name. Raises ``KeyError`` if there is none."""
    made = {
        "1": _1,
        "1+10": _1_10,
        "10+1": _10,
        "10": _10,
        "10+100": _10_100,
        "100+10": _100_10,
        "100": _100,
        "100+1k": _100_1k,
        "1k+100": _1k,
        "1k": _1k,
    }[name](spec, machine, facts)
    return replace(made, name=name)


def _1(spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    return Position("1", stage_1.topology(spec, machine), {})


def _1_10(spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    """Stage 10 behind an edge that leads nobody there. Background workers are for visitors."""
    found = _10(spec, machine, facts)
    base = found.topology
    kept = (u for u in base.units if isinstance(u.settings, DatabaseSettings | RedisSettings))
    pools = tuple(p for p in base.pools if not isinstance(p.settings, WorkerSettings))
    units = (*kept, stage_1.edge(spec))
    return replace(found, topology=replace(base, units=units, pools=pools))


def _10(spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    found = stage_10.topology(spec, machine, facts)
    if not stage_10.runs_database(spec):
        return Position("10", found, {})
    return _position("10", found, stage_10.HOST)


def _10_100(spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    """Stage 10 with a follower on a host of its own."""
    stage_100.require_database(spec)
    base = stage_10.topology(spec, machine, facts)
    return _position(
        "10+100",
        replace(
            base,
            hosts=(*base.hosts, stage_100.host(stage_100.DATABASE_HOST, machine)),
            units=(
                *base.units,
                *stage_10.backup(spec, stage_100.DATABASE_HOST),
                stage_100.database(spec),
            ),
        ),
        stage_10.HOST,
    )


def _100_10(spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    """Stage 100 with the database of stage 10 following: the way back."""
    base = stage_100.topology(spec, machine, facts)
    old = Unit("postgres", "postgresql", stage_100.APP_HOST, stage_10.database(spec))
    both = (*base.units, *stage_10.backup(spec, stage_100.APP_HOST), old)
    return _position("100+10", replace(base, units=both), stage_100.DATABASE_HOST)


def _100(spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    return _position("100", stage_100.topology(spec, machine, facts), stage_100.DATABASE_HOST)


def _100_1k(spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    """Stage 100 with what stage 1k is made of, in the zones that it comes to: nobody notices."""
    stage_1k.require_database(spec)
    base = stage_100.topology(spec, machine, facts)
    across = stage_1k.across_of(spec)
    goal = stage_1k.topology(spec, machine, facts, across)
    stays = {host.name for host in base.hosts}
    etcd = goal.of(EtcdSettings)
    joining = {u.host for u in (*etcd, *goal.of(PatroniSettings))} - stays
    followers = [
        Unit("postgres", "postgresql", host, stage_10.database(spec, node=number + 2))
        for number in range(1, across.databases)
        for host in (stage_1k.database_host(number),)
    ]
    backups = [u for f in followers for u in stage_10.backup(spec, f.host)]
    members = tuple(u for u in etcd if isinstance(u, Unit))
    return _position(
        "100+1k",
        replace(
            base,
            hosts=(*(h for h in goal.hosts if h.name in joining), *base.hosts),
            units=(*members, *base.units, *backups, *followers),
        ),
        stage_100.DATABASE_HOST,
    )


def _1k(spec: AppSpec, machine: Machine, facts: AppFacts) -> Position:
    """Who leads is Patroni's to say; whoever steps back to stage 100 wants who led there."""
    return _position("1k", stage_1k.topology(spec, machine, facts), stage_100.DATABASE_HOST)


def _position(name: str, topology: Topology, leader: str) -> Position:
    return Position(name, topology, {CLUSTER: f"{leader}/postgres"})


def begins_at(spec: AppSpec) -> str:
    """The position at which a deployment begins where nobody says it: without an app its pages."""
    return "1" if spec.app is None and spec.command is None else "10"


def stage_of(name: str) -> str:
    """The stage that the app is at in this position."""
    return name.partition("+")[0]


def observed_from(stage: str) -> str:
    """The position with the same names that has every database there may be."""
    return {"1": "1+10", "10": "10+100", "100": "100+10", "1k": "1k+100"}[stage]


def app_host(stage: str) -> str:
    """What the host with the app's workers is called, or the first of them."""
    return stage_10.HOST if stage in ("1", "10") else stage_100.APP_HOST


def database_host(stage: str) -> str:
    """What the host with the database that leads is called, or led when the stage was reached."""
    return stage_10.HOST if stage in ("1", "10") else stage_100.DATABASE_HOST


def places(stage: str, existing: frozenset[str]) -> dict[str, str]:
    """Host name -> directory, for the host that changes its name with the stage.

    The machine on which everything began stays where it is; what is called after its task at a
    later stage is the same agent in the same directory.

    Args:
        stage: whose names are wanted.
        existing: the directories that there are.
    """
    names = (stage_10.HOST, stage_100.APP_HOST)
    name = app_host(stage)
    there = [n for n in names if n in existing]
    return {name: name if name in there or not there else there[0]}
