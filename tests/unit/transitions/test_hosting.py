"""Hosts that leave, come back, are built anew: planned, and refused where it must not be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.transitions.test_clustering import World, failed_over, goal, settled
from tests.unit.transitions.test_crossing import FACTS, MACHINE, SPEC

from tenfold.errors import Refused
from tenfold.stages import stage_1k
from tenfold.stages.path import position
from tenfold.topology.drained import without
from tenfold.topology.model import Topology
from tenfold.topology.observation import ObservedHost
from tenfold.topology.settings import PatroniSettings
from tenfold.transitions import hosting
from tenfold.transitions import steps as st
from tenfold.transitions.clustering import SeenCluster
from tenfold.transitions.crossing import Terms
from tenfold.transitions.hosting import Does, HostMove, Standing, objections, plan

WHOLE = position("1k", SPEC, MACHINE, FACTS).topology
WELL = Standing(WHOLE, "db1", ("db2",), ("db1", "db2", "arbiter"))
OF_THREE = stage_1k.topology(SPEC, MACHINE, FACTS, stage_1k.Zones(databases=3))
THREE = Standing(OF_THREE, "db1", ("db2", "db3"), ("db1", "db2", "db3"))


def strict(whole: Topology) -> Topology:
    """Nothing is written without a follower."""
    units = tuple(
        replace(u, settings=replace(u.settings, strict=True))
        if isinstance(u.settings, PatroniSettings)
        else u
        for u in whole.units
    )
    return replace(whole, units=units)


def seen(world: World, *, in_sync: tuple[str, ...] = ("db2",)) -> SeenCluster:
    return replace(world.found, in_sync=in_sync)


def test_roles_that_one_member_has_are_prepared_on_no_other() -> None:
    assert not any("prepare" in s for s in told(move("drain", "db1"), seen(settled("1k"))))


def told(move: HostMove, found: SeenCluster) -> list[str]:
    return [s.sentence() for s in st.flatten(plan(move, found, goal("1k"), Terms()).steps)]


def without_host(world: World, name: str) -> SeenCluster:
    """The host was drained: its agent is stopped."""
    found = seen(world)
    hosts = tuple(
        ObservedHost(name, "", "absent") if h.name == name else h for h in found.seen.now.hosts
    )
    return replace(found, seen=replace(found.seen, now=replace(found.seen.now, hosts=hosts)))


def move(does: Does, host: str, *away: str) -> HostMove:
    return HostMove(does, host, 0.0, away)


LEFT = [
    "have no commit on db2/postgres wait for db1/postgres",
    "stop host db1, keep its data",
]
SWITCH = [
    "wait until db2/postgres is in sync with db1/postgres",
    "let idle connections to app1/app run out",
    "let idle connections to app2/app run out",
    "write a checkpoint on db1/postgres and db2/postgres",
    "let requests wait in front of app1/app and app2/app, finish those in hand",
    "have db2/postgres lead instead of db1/postgres",
    "let app1/app accept again",
    "let app2/app accept again",
    "wait until db1/postgres follows db2/postgres",
]


def test_whoever_leads_there_is_followed_by_another_one_before_all_of_it_stops() -> None:
    steps = told(move("drain", "db1"), seen(settled("1k")))
    assert steps == [*SWITCH, *LEFT]


def test_nobodys_commit_waits_for_a_follower_that_leaves() -> None:
    steps = told(move("drain", "db2"), seen(settled("1k")))
    assert steps == [s.translate({ord("1"): "2", ord("2"): "1"}) for s in LEFT]


@pytest.mark.parametrize("host", ["arbiter", "app2"])
def test_nobody_waits_where_nobody_leads(host: str) -> None:
    steps = told(move("drain", host), seen(settled("1k")))
    assert steps == [f"stop host {host}, keep its data"]


def test_the_switch_is_not_made_again_once_another_one_leads() -> None:
    found = seen(failed_over(settled("1k")), in_sync=("db1",))
    assert told(move("drain", "db1"), found) == LEFT
    gone = without_host(failed_over(settled("1k")), "db1")
    assert told(move("drain", "db1"), gone) == []


def test_what_was_drained_comes_back_and_is_waited_for() -> None:
    world = failed_over(settled("1k"))
    steps = told(move("add", "db1", "db1"), without_host(world, "db1"))
    assert steps[:3] == ["start host db1", "start db1/etcd", "start db1/postgres"]
    assert steps[-4:] == [
        "see that db1/etcd, db2/etcd, arbiter/etcd agree",
        "count on db1/postgres again",
        "wait until db1/postgres follows db2/postgres",
        "see that a commit on db2/postgres waits for another member",
    ]


def test_an_app_that_comes_back_is_warm_before_its_edge_listens() -> None:
    steps = told(move("add", "app2", "app2"), without_host(settled("1k"), "app2"))
    warm = steps.index("warm 2 units of app2/app with release r1")
    assert steps[0] == "start host app2"
    assert warm < steps.index("start app2/edge")
    assert not any("app1" in s or "db1/" in s for s in steps)


def test_who_is_built_anew_is_expected_by_etcd_before_it_starts() -> None:
    found = seen(failed_over(settled("1k")), in_sync=("db1",))
    assert told(move("replace", "db1"), found) == [
        "have no commit on db2/postgres wait for db1/postgres",
        "start host db1",
        "stop db1/etcd",
        "delete the data of db1/etcd",
        "have db2/etcd and arbiter/etcd expect db1/etcd as a new member",
        "stop db1/postgres",
        "delete the data of db1/postgres",
        "start db1/etcd",
        "start db1/postgres",
        "see that db1/etcd, db2/etcd, arbiter/etcd agree",
        "count on db1/postgres again",
        "wait until db1/postgres follows db2/postgres",
        "see that a commit on db2/postgres waits for another member",
    ]


def test_a_host_that_is_gone_is_built_anew() -> None:
    world = failed_over(settled("1k"))
    found = without_host(world, "db1")
    now = found.seen.now
    gone = replace(now, hosts=tuple(h for h in now.hosts if h.name != "db1"))
    steps = told(move("replace", "db1"), replace(found, seen=replace(found.seen, now=gone)))
    assert steps[0] == "start host db1"
    assert "stop db1/postgres" not in steps
    assert "start db1/postgres" in steps


def test_the_arbiter_is_built_anew_without_a_word_of_databases() -> None:
    steps = told(move("replace", "arbiter"), seen(settled("1k")))
    assert "have db1/etcd and db2/etcd expect arbiter/etcd as a new member" in steps
    assert not any("postgres" in step for step in steps)


def test_data_of_a_database_is_deleted_only_while_another_one_leads() -> None:
    for world in (settled("1k"), failed_over(settled("1k"))):
        found = seen(world, in_sync=("db1", "db2"))
        steps = plan(move("replace", "db1"), found, goal("1k"), Terms()).steps
        deleted = [s for s in steps if isinstance(s, st.RemoveData)]
        assert deleted == [
            st.RemoveData("db1/etcd"),
            st.RemoveData("db1/postgres", "db2/postgres"),
        ]


def test_a_leader_that_is_to_be_built_anew_is_followed_first() -> None:
    steps = told(move("replace", "db1"), seen(settled("1k")))
    assert steps[: len(SWITCH)] == SWITCH
    assert steps[-1] == "see that a commit on db2/postgres waits for another member"


def test_taking_back_a_drain_brings_the_host_back() -> None:
    back = move("drain", "db1").reversed()
    assert back.drained == ()
    steps = told(back, without_host(failed_over(settled("1k")), "db1"))
    assert "start db1/postgres" in steps
    assert move("add", "db1", "db1", "app2").reversed().drained == ("app2", "db1")


def test_who_cannot_be_built_anew_is_left_out_without_its_data() -> None:
    given_up = move("replace", "db1").reversed()
    assert given_up.drained == ("db1",)
    assert given_up.emptied(()) == ("db1",)
    assert hosting.from_json(given_up.to_json()) == given_up.reversed()
    found = seen(failed_over(settled("1k")), in_sync=("db1",))
    assert told(given_up, found) == [
        "have no commit on db2/postgres wait for db1/postgres",
        "stop db1/etcd",
        "delete the data of db1/etcd",
        "have db2/etcd and arbiter/etcd do without db1/etcd",
        "stop db1/postgres",
        "delete the data of db1/postgres",
        "stop host db1, keep its data",
    ]


def test_what_a_host_has_that_never_comes_back_is_left_to_it() -> None:
    found = without_host(failed_over(settled("1k")), "db1")
    assert told(move("replace", "db1").reversed(), found) == [
        "have db2/etcd and arbiter/etcd do without db1/etcd"
    ]
    arbiter = without_host(settled("1k"), "arbiter")
    assert told(move("replace", "arbiter").reversed(), arbiter) == [
        "have db1/etcd and db2/etcd do without arbiter/etcd"
    ]


def test_a_leader_is_given_up_when_another_one_leads() -> None:
    steps = told(move("replace", "db1").reversed(), seen(settled("1k")))
    assert steps[: len(SWITCH)] == SWITCH
    with pytest.raises(Refused, match="no other one has every commit"):
        objections(move("replace", "db1").reversed(), replace(WELL, in_sync=()))


def test_who_was_given_up_is_built_anew_and_not_brought_back() -> None:
    emptied = replace(WELL, emptied=("db1",), leader="db2")
    with pytest.raises(Refused, match="given up") as caught:
        objections(move("add", "db1", "db1"), emptied)
    assert (caught.value.next or "").startswith("tenfold host replace db1")
    again = move("replace", "db1", "db1")
    assert objections(again, emptied) != ()
    assert again.drained == again.emptied(("db1",)) == ()
    assert move("drain", "app2", "db1").emptied(("db1",)) == ("db1",)
    assert move("add", "app2", "db1", "app2").emptied(("db1",)) == ("db1",)


@pytest.mark.parametrize("does", ["drain", "replace", "add"])
def test_what_was_cut_off_says_how_it_goes_on(does: Does) -> None:
    ways = move(does, "db1").ways_on
    assert "tenfold resume" in ways
    assert ("leaves db1 out, without its data" in ways) is (does == "replace")


def test_a_move_is_read_as_it_was_written() -> None:
    wanted = move("drain", "db1", "app2")
    assert hosting.from_json(wanted.to_json()) == wanted
    assert hosting.from_json(None) is None


def test_it_is_told_what_a_drain_costs() -> None:
    assert objections(move("drain", "db1"), WELL) == (
        "until db1 is back a commit is on 1 host alone, and that may be lost",
    )
    assert objections(move("drain", "arbiter"), WELL) == ()
    (edge,) = objections(move("drain", "app2"), WELL)
    assert "DNS" in edge


def test_where_writes_stop_without_a_follower_a_drain_costs_that() -> None:
    (told,) = objections(move("drain", "db2"), replace(WELL, whole=strict(WHOLE)))
    assert "until db2 is back nothing is written" in told


def test_of_three_databases_in_sync_any_may_leave_without_a_word() -> None:
    for host in ("db1", "db2", "db3"):
        assert objections(move("drain", host), THREE) == ()
    assert "alone" in " ".join(objections(move("drain", "db2", "db3"), THREE))


@pytest.mark.parametrize("host", ["db1", "db2"])
def test_a_database_that_does_not_follow_is_not_counted_on_when_another_one_leaves(
    host: str,
) -> None:
    lags = replace(THREE, in_sync=("db2",))
    alone = (
        f"until {host} is back, or db3 has every commit, a commit is on 1 host alone, and that may"
        " be lost"
    )
    assert objections(move("drain", host), lags) == (alone,)
    assert objections(move("replace", host), lags)[1:] == (alone,)
    (stops,) = objections(move("drain", host), replace(lags, whole=strict(OF_THREE)))
    assert f"until {host} is back, or db3 has every commit, nothing is written" in stops


def test_a_database_that_does_not_follow_leaves_without_a_word() -> None:
    lags = replace(THREE, in_sync=("db2",))
    assert objections(move("drain", "db3"), lags) == ()
    (deleted,) = objections(move("replace", "db3"), lags)
    assert "is deleted" in deleted


@pytest.mark.parametrize(
    ("asked", "now", "why"),
    [
        (move("drain", "db9"), WELL, "there is no host db9"),
        (move("drain", "db1", "db1"), WELL, "drained already"),
        (move("add", "db1"), WELL, "not drained"),
        (move("drain", "db1"), replace(WELL, in_sync=()), "no other one has every commit"),
        (move("replace", "db1"), replace(WELL, in_sync=()), "no other one has every commit"),
        (move("drain", "db2"), replace(WELL, leader=None), "which database leads"),
        (move("replace", "db1"), replace(WELL, leader=None), "which database leads"),
        (move("drain", "db1"), replace(WELL, answering=("db1", "db2")), "agree on who leads"),
        (move("replace", "arbiter"), replace(WELL, answering=("db1",)), "agree on who leads"),
        (move("drain", "app1", "app2"), WELL, "last host that has it"),
        (move("drain", "app1"), WELL, "Redis and its data"),
        (move("replace", "app2"), WELL, "no data that another host has"),
    ],
)
def test_it_is_refused(asked: HostMove, now: Standing, why: str) -> None:
    with pytest.raises(Refused, match=why):
        objections(asked, now)


def test_whoever_has_no_database_needs_no_leader() -> None:
    unknown = replace(WELL, leader=None, in_sync=())
    assert objections(move("drain", "arbiter"), unknown) == ()
    assert objections(move("replace", "arbiter"), unknown) != ()


def test_a_second_member_of_etcd_is_not_taken_out_beside_the_first() -> None:
    with pytest.raises(Refused, match="agree on who leads"):
        objections(move("drain", "arbiter", "db1"), replace(WELL, answering=("db2", "arbiter")))


def test_the_topology_without_a_host_has_nothing_of_it() -> None:
    left = without(WHOLE, ["app1"])
    assert left.app_pool.path == "app2/app"
    assert not any(m.host == "app1" for m in left.members())
