"""Who leads where that is Patroni's to say, asked of whoever answers first."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import tenfold.engines.etcd.probe as etcd
from tenfold.engines.patroni import probe
from tenfold.errors import TargetError
from tenfold.topology.settings import EtcdSettings, PatroniSettings

if TYPE_CHECKING:
    from tenfold.engines.etcd.probe import EtcdState
    from tenfold.engines.patroni.probe import ClusterView
    from tenfold.transitions.blueprint import Blueprint
    from tenfold.transitions.planner import Goal


def view_of(blueprint: Blueprint) -> ClusterView | None:
    """The databases as Patroni sees them; ``None`` where none is in its care, or nobody answers."""
    units = blueprint.topology.of(PatroniSettings)
    return probe.first_view((unit, blueprint.scene(unit)) for unit in units)


def stops_without_follower(blueprint: Blueprint) -> bool:
    """Whether writes stop while no other database has everything, as whoever answers says."""
    for unit in blueprint.topology.of(PatroniSettings):
        with suppress(TargetError):
            return probe.is_strict(unit, blueprint.scene(unit))
    return False


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


def by_observation(goal: Goal, blueprint: Blueprint) -> Goal:
    """The goal with whoever leads as its leader: what only a leader takes goes there."""
    view = view_of(blueprint)
    if view is None or view.leader is None:
        return goal
    leads = [u.path for u in goal.topology.of(PatroniSettings) if u.host == view.leader.name]
    return replace(goal, leaders=dict.fromkeys(goal.leaders, leads[0])) if leads else goal
