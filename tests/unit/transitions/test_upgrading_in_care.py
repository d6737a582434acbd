"""An upgrade of a database that fails over: one member after the other, whoever leads last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.transitions.test_clustering import PATHS, goal, settled
from tests.unit.transitions.test_crossing import FACTS, MACHINE, SPEC

from tenfold.errors import Refused
from tenfold.stages import stage_1k
from tenfold.topology.drained import without
from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.topology.settings import EtcdSettings
from tenfold.transitions import clustering
from tenfold.transitions import steps as st
from tenfold.transitions.clustering import switched_over
from tenfold.transitions.crossing import Terms
from tenfold.transitions.interrupting import Bounds
from tenfold.transitions.planner import Goal
from tenfold.transitions.steps import cluster
from tenfold.transitions.upgrading import Wish, moved, plan, waits

GOAL = goal("1k")
DB1, DB2 = PATHS


def seen(*behind: str) -> Observation:
    """Everything runs what is installed, but for these."""
    now = settled("1k").found.seen.now
    hosts = []
    for host in now.hosts:
        units = tuple(
            replace(u, pid=7, program=u.engine, replaced=f"{host.name}/{u.name}" in behind)
            for u in host.units
        )
        hosts.append(replace(host, units=units))
    return replace(now, hosts=tuple(hosts))


def steps(
    now: Observation, wanted: Goal, *brings_back: str, in_sync: tuple[str, ...] = ()
) -> tuple[st.Step, ...]:
    bounds = Bounds(5.0, 60.0, 60.0)
    wish = Wish(programs_of(wanted), bounds, 30.0, brings_back=brings_back, in_sync=in_sync)
    return plan("upgrade", now, wanted, wish).steps


def another_leads(leader: str, to: str) -> tuple[st.Step, ...]:
    """While requests wait in both zones; then who led restarts."""
    pools = tuple(pool.path for pool in GOAL.topology.app_pools)
    assert len(pools) == 2
    switched = switched_over(leader, to, pools, Terms(5.0, 60.0))
    assert [type(s) for s in switched if isinstance(s, st.Hold | cluster.SwitchOver)] == [
        st.Hold,
        cluster.SwitchOver,
    ]
    return (*switched, st.Renew(leader), cluster.AwaitMember(leader, to, in_sync=True))


def programs_of(wanted: Goal) -> dict[str, tuple[str, ...]]:
    return {u.path: (u.engine,) for u in wanted.topology.units}


def led_by(path: str) -> Goal:
    return replace(GOAL, leaders=dict.fromkeys(GOAL.leaders, path))


def test_who_follows_restarts_first_and_who_leads_steps_down_before_it_does() -> None:
    assert steps(seen(), GOAL) == ()
    assert steps(seen(DB1, DB2), led_by(DB1)) == (
        st.Renew(DB2),
        cluster.AwaitMember(DB2, DB1, in_sync=True),
        *another_leads(DB1, DB2),
    )


def test_cut_off_behind_each_step_the_rest_is_what_is_left() -> None:
    assert steps(seen(DB1), led_by(DB1)) == another_leads(DB1, DB2)
    assert steps(seen(DB1), led_by(DB2)) == (
        st.Renew(DB1),
        cluster.AwaitMember(DB1, DB2, in_sync=True),
    )


def test_workers_keep_running_and_their_requests_wait_for_the_leader_alone() -> None:
    for path in PATHS:
        unit = next(u for u in GOAL.topology.units if u.path == path)
        assert not waits(unit)
    assert not [s for s in steps(seen(DB1, DB2), led_by(DB1)) if isinstance(s, st.WarmPool)]


def test_members_of_etcd_restart_one_by_one_each_while_all_are_well() -> None:
    etcd = tuple(m.path for m in GOAL.topology.of(EtcdSettings))
    all_well = cluster.AwaitQuorum(etcd, clustering.QUORUM_SECONDS, of_all=True)
    one, *_, last = etcd
    assert len(etcd) == 3
    assert steps(seen(one, last), GOAL) == (
        *(all_well, st.Renew(one)),
        *(all_well, st.Renew(last), all_well),
    )
    host, _, name = last.partition("/")
    now = seen(one)
    dead = tuple(
        replace(h, units=tuple(u for u in h.units if (h.name, u.name) != (host, name)))
        for h in now.hosts
    )
    assert steps(replace(now, hosts=dead), GOAL) == (
        *(st.Renew(last), all_well),
        *(st.Renew(one), all_well),
    )


def test_of_three_both_that_follow_are_in_sync_again_before_the_leader_steps_down() -> None:
    topology = stage_1k.topology(SPEC, MACHINE, FACTS, stage_1k.Zones(databases=3))
    wanted = Goal(topology, release="r1", leaders={"main": "db3/postgres"})
    databases = [u for u in topology.units if u.engine == "patroni"]
    found = tuple(
        ObservedHost(
            host.name,
            "",
            "running",
            units=tuple(
                ObservedUnit(
                    u.name, u.engine, "running", pid=7, program=u.engine, replaced=u in databases
                )
                for u in topology.units
                if u.host == host.name
            ),
        )
        for host in topology.hosts
    )
    leader = "db3/postgres"
    for in_sync, to in (((), DB1), (("db2",), DB2), (("db1", "db2"), DB1)):
        assert steps(Observation(hosts=found), wanted, in_sync=in_sync) == (
            st.Renew(DB1),
            cluster.AwaitMember(DB1, leader, in_sync=True),
            st.Renew(DB2),
            cluster.AwaitMember(DB2, leader, in_sync=True),
            # Nobody is served in this one: nobody is held.
            *switched_over(leader, to, (), Terms()),
            st.Renew(leader),
            cluster.AwaitMember(leader, to, in_sync=True),
        )


def test_a_server_that_lies_elsewhere_is_for_an_upgrade_though_its_keeper_does_not() -> None:
    now = seen()
    hosts = [
        replace(h, units=tuple(replace(u, programs=("/old",)) for u in h.units)) for h in now.hosts
    ]
    wanted = {path: (*found, "/old") for path, found in programs_of(GOAL).items()}
    now = replace(now, hosts=tuple(hosts))
    assert moved(now, GOAL, wanted) == ()
    elsewhere = {path: (wanted[path][0], "/new") for path in PATHS}
    assert [u.path for u in moved(now, GOAL, {**wanted, **elsewhere})] == [DB1, DB2]


def test_who_leads_alone_does_not_restart_and_it_is_told_how_to_go_on() -> None:
    alone = replace(led_by(DB1), topology=without(GOAL.topology, ["db2"]))
    with pytest.raises(Refused, match="no other database is there to lead") as caught:
        steps(seen(DB1), alone, "tenfold host add db2")
    assert caught.value.next == "tenfold host add db2\ntenfold upgrade    then"
    assert st.Renew("db1/etcd") in steps(seen("db1/etcd"), alone)
