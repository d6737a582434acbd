"""Who leads where that is Patroni's to say, asked of whoever answers first."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

import tenfold.engines.etcd.probe as etcd
from tenfold.engines.patroni import probe
from tenfold.engines.postgresql.admin import MAINTENANCE
from tenfold.engines.postgresql.login import connect, login
from tenfold.engines.postgresql.replication import awaited
from tenfold.errors import TargetError, TenfoldError
from tenfold.topology.settings import EtcdSettings, PatroniSettings

if TYPE_CHECKING:
    from tenfold.engines.etcd.probe import EtcdState
    from tenfold.engines.patroni.probe import ClusterView
    from tenfold.engines.postgresql.replication import Awaited
    from tenfold.transitions.blueprint import Blueprint
    from tenfold.transitions.planner import Goal

ASKED_SECONDS = 3
"""... a server may take to let somebody in, and then to answer."""


def view_of(blueprint: Blueprint) -> ClusterView | None:
    """The databases as Patroni sees them; ``None`` where none is in its care, or nobody answers."""
    units = blueprint.topology.of(PatroniSettings)
    return probe.first_view((unit, blueprint.scene(unit)) for unit in units)


def stops_without_follower(blueprint: Blueprint, *, asks: bool = True) -> bool:
    """Whether writes stop while no other database has everything, as whoever answers says; what was
    wanted of them where nobody does, or nobody can know."""
    units = blueprint.topology.of(PatroniSettings)
    for unit in units if asks else ():
        with suppress(TargetError):
            return probe.is_strict(unit, blueprint.scene(unit))
    return any(isinstance(u.settings, PatroniSettings) and u.settings.strict for u in units)


def etcd_state(blueprint: Blueprint) -> EtcdState:
    """The cluster of etcd that Patroni asks, as the first host asks that has what it asks with: one
    that lost its files is no reason to believe that nobody answers."""
    members = blueprint.topology.of(EtcdSettings)
    scenes = [blueprint.scene(member) for member in members]
    asks = next(filter(etcd.can_ask, scenes), scenes[0])
    assert isinstance(members[0].settings, EtcdSettings)
    return etcd.observe(members[0].settings.cluster, asks)


def leading_alone(blueprint: Blueprint) -> str | None:
    """Whose server leads by what each Patroni says of its own, for when etcd cannot say; the
    host's name."""
    for unit in blueprint.topology.of(PatroniSettings):
        with suppress(TargetError):
            if probe.leads(unit, blueprint.scene(unit)):
                return unit.host
    return None


def awaited_by(host: str, blueprint: Blueprint) -> Awaited | None:
    """Whom commits on this host's database wait for, by its own word; ``None`` without one."""
    for unit in blueprint.topology.of(PatroniSettings):
        if unit.host != host:
            continue
        who = login(unit, blueprint.scene(unit), "superuser", database=MAINTENANCE)
        with (
            suppress(TenfoldError, psycopg.Error),
            connect(who, within_seconds=ASKED_SECONDS) as session,
            session.within(ASKED_SECONDS),
        ):
            return awaited(session)
    return None


def by_observation(goal: Goal, blueprint: Blueprint) -> Goal:
    """The goal with whoever leads as its leader: what only a leader takes goes there."""
    view = view_of(blueprint)
    if view is None or view.leader is None:
        return goal
    leads = [u.path for u in goal.topology.of(PatroniSettings) if u.host == view.leader.name]
    return replace(goal, leaders=dict.fromkeys(goal.leaders, leads[0])) if leads else goal
