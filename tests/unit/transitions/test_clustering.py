"""Into Patroni's care and out of it, planned: interrupted anywhere, one leader, nobody waits."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.support import crossing_model
from tests.support.cluster_model import World, apply, writable
from tests.unit.transitions.test_crossing import FACTS, MACHINE, SPEC

from tenfold.stages.path import TO_1K as ORDER
from tenfold.stages.path import position
from tenfold.topology.observation import Observation
from tenfold.topology.settings import EndpointSettings, EtcdSettings, PatroniSettings
from tenfold.transitions import steps as st
from tenfold.transitions.clustering import plan, roused, with_journal
from tenfold.transitions.crossing import Seen, Terms
from tenfold.transitions.perform.databases import direct
from tenfold.transitions.planner import Goal
from tenfold.transitions.planner import plan as plan_fresh
from tenfold.transitions.steps import cluster

PATHS = ("db1/postgres", "db2/postgres")
OPTIONAL = (
    *(st.Settle, st.Checkpoint, st.Hold, cluster.AwaitMember),
    *(st.Check, st.CatchUp, st.DiscardGeneration, st.PruneReleases, st.EnsureHost),
    cluster.AwaitQuorum,
)
ALIKE = ("edge", "certificates", "redis", "database")


def goal(name: str) -> Goal:
    wanted = position(name, SPEC, MACHINE, FACTS)
    stage = "1k" if wanted.stage == "1k" else name
    prints = {m.path: f"{m.path} at {stage}" for m in wanted.topology.members()}
    prints |= {p: f"{p} everywhere" for p in prints if p.rpartition("/")[2] in ALIKE}
    prints |= {m.path: f"{m.path} everywhere" for m in wanted.topology.of(EtcdSettings)}
    for pool in wanted.topology.pools:
        prints[pool.path] = f"{pool.path} of stage {wanted.stage}"
    return Goal(
        topology=wanted.topology,
        release="r1",
        fingerprints=prints,
        prepared=dict.fromkeys(PATHS, "grants"),
        leaders=wanted.leaders,
    )


def settled(name: str) -> World:
    """The app at a stage, brought up fresh."""
    wanted = goal(name)
    absent = {path: crossing_model.absent(path) for path in PATHS}
    plain = crossing_model.World(Seen(Observation(), absent))
    for step in st.flatten(plan_fresh("up", Observation(), wanted).steps):
        plain = crossing_model.apply(step, plain, wanted)
    etcd = frozenset(m.path for m in wanted.topology.of(EtcdSettings))
    care = bool(wanted.topology.of(PatroniSettings))
    if care:  # a member makes its slot at whoever leads
        plain = crossing_model.database(plain, "db1/postgres", slots=frozenset({3}))
    journal = "main" if care else None
    return World(plain, bool(etcd), synchronous=care, etcd_data=etcd, journal=journal)


def steps_to(world: World, name: str) -> tuple[st.Step, ...]:
    return st.flatten(plan("grow", world.found, goal(name), Terms()).steps)


def go(world: World, name: str) -> World:
    for step in steps_to(world, name):
        world = apply(step, world, goal(name))
        assert len(writable(world)) == 1, step
    return world


def reached(name: str) -> World:
    """A position as it is come to: from the nearer of the two ends."""
    way = ORDER if ORDER.index(name) < 2 else tuple(reversed(ORDER))
    world = settled(way[0])
    for step in way[1 : way.index(name) + 1]:
        world = go(world, step)
    return world


def failed_over(world: World) -> World:
    """The leader was lost and came back: another member leads."""
    plain = crossing_model.database(world.plain, PATHS[0], role="follower", slots=frozenset())
    plain = crossing_model.database(plain, PATHS[1], role="leader", slots=frozenset({2}))
    return replace(world, plain=plain)


def told(steps: tuple[st.Step, ...]) -> list[str]:
    return [step.sentence() for step in steps if "Workers" not in type(step).__name__]


def test_what_takes_long_is_prepared_and_nobody_notices() -> None:
    assert told(steps_to(settled("100"), "100+1k")) == [
        "start host db2",
        "start host arbiter",
        "start db1/etcd",
        "start db2/etcd",
        "start arbiter/etcd",
        "see that db1/etcd, db2/etcd, arbiter/etcd agree",
        "have db1/postgres take its new configuration",
        "check that db2/postgres can take over from db1/postgres",
        "have db1/postgres keep its log for node 3",
        "start db2/postgres",
        "wait until db2/postgres has caught up with db1/postgres",
        "compare db2/postgres with db1/postgres: schema, rows, checksums",
    ]


def test_the_switch_holds_nobody_and_the_second_zone_serves_last() -> None:
    steps = steps_to(go(settled("100"), "100+1k"), "1k+100")
    assert told(steps) == [
        "start host app2",
        "keep the journal in etcd (main)",
        "put db1/postgres into Patroni's care; it runs on",
        "have db2/postgres follow db1/postgres in Patroni's care",
        "see that a commit on db1/postgres waits for another member",
        "start app1/failover",
        "start app2/database",
        "start app2/failover",
        "warm 2 units of app1/app with release r1",
        "warm 2 units of app2/app with release r1",
        "hand app1/app over to release r1",
        "hand app2/app over to release r1",
        "start app2/edge",
        "start app2/certificates",
        "remove releases older than the last 5",
    ]


def test_completing_changes_nothing_any_more() -> None:
    assert steps_to(go(go(settled("100"), "100+1k"), "1k+100"), "1k") == ()


def test_back_everybody_leaves_patroni_before_the_leader_does() -> None:
    steps = steps_to(settled("1k"), "100+1k")
    assert told(steps)[:3] == [
        "have db2/postgres follow db1/postgres by itself",
        "take db1/postgres out of Patroni's care; it runs on",
        "keep the journal in the file beside the app",
    ]
    assert "remove host app2 with its data" in told(steps)
    assert not any(isinstance(s, st.Hold | st.Fence | st.Promote) for s in steps)


def test_a_member_without_its_patroni_leaves_or_joins_anew() -> None:
    """Its Patroni had ended when the move back was cut off."""
    world = settled("1k")
    unit = world.plain.seen.now.unit(PATHS[1])
    assert unit is not None
    apart = crossing_model.model._units(
        world.plain.seen.now, "db2", remove={unit.name}, add=(replace(unit, fingerprint=None),)
    )
    seen = replace(world.plain.seen, now=apart)
    world = replace(world, plain=replace(world.plain, seen=seen))
    assert steps_to(world, "100+1k")[0] == cluster.LeaveCluster(PATHS[1], PATHS[0])
    assert steps_to(world, "1k")[0] == cluster.JoinCluster(PATHS[1], PATHS[0])


def test_back_after_a_failover_who_led_before_leads_first() -> None:
    steps = steps_to(failed_over(settled("1k")), "100+1k")
    assert told(steps)[:9] == [
        "wait until db1/postgres is in sync with db2/postgres",
        "let idle connections to app1/app run out",
        "let idle connections to app2/app run out",
        "write a checkpoint on db2/postgres and db1/postgres",
        "let requests wait in front of app1/app and app2/app, finish those in hand",
        "have db1/postgres lead instead of db2/postgres",
        "let app1/app accept again",
        "let app2/app accept again",
        "wait until db2/postgres follows db1/postgres",
    ]


def test_who_was_left_waiting_is_let_go_first_whichever_way_it_goes() -> None:
    world, wanted = failed_over(settled("1k")), goal("100+1k")
    for step in steps_to(world, "100+1k"):
        world = apply(step, world, wanted)
        if isinstance(step, st.Hold):
            first = steps_to(world, "1k")[:2]
            assert first == (st.Release("app1/app"), st.Release("app2/app"))
        if isinstance(step, cluster.SwitchOver):
            first = steps_to(world, "100+1k")[:2]
            assert first == (st.Release("app1/app"), st.Release("app2/app"))
            return
    raise AssertionError("nobody waited")


def test_at_1k_whoever_leads_may() -> None:
    assert steps_to(failed_over(settled("1k")), "1k") == ()


def test_roles_are_prepared_where_they_can_be_written() -> None:
    world = failed_over(settled("1k"))
    wanted = replace(goal("1k"), prepared=dict.fromkeys(PATHS, "other grants"))
    steps = plan("up", world.found, wanted, Terms()).steps
    assert steps == (st.PrepareDatabase("db2/postgres", "other grants"),)


def test_what_is_given_up_leaves_no_data_for_a_later_cluster() -> None:
    world = go(go(settled("1k"), "100+1k"), "100")
    assert world.etcd_data == frozenset()
    assert world.role("db2/postgres") == "absent"
    assert {h.name for h in world.plain.seen.now.hosts} == {"db1", "app1"}


def test_after_everything_was_stopped_etcd_is_the_first_to_run() -> None:
    """The journal is in it, so nothing can be read before."""
    todo = [s.sentence() for s in st.flatten(roused(Observation(), goal("1k")))]
    hosts = {f"start host {host}" for host in ("app1", "db1", "app2", "db2", "arbiter")}
    assert set(todo[:5]) == hosts
    assert todo[5:] == [f"start {host}/etcd" for host in ("db1", "db2", "arbiter")]
    assert roused(settled("1k").found.seen.now, goal("1k")) == ()
    assert roused(Observation(), goal("100")) == ()


def test_the_journal_is_in_its_file_before_etcd_is_given_up() -> None:
    """Also where a move back was cut off between the two."""
    world = replace(reached("100+1k"), journal="main")
    steps = steps_to(world, "100")
    moved = steps.index(st.MoveJournal(None, "main"))
    given_up = [i for i, s in enumerate(steps) if isinstance(s, cluster.RemoveEtcd | st.RemoveHost)]
    assert given_up
    assert moved < min(given_up)
    assert go(world, "100").journal is None


@pytest.mark.parametrize("last", ["100", "1k"])
def test_fresh_is_grown(last: str) -> None:
    way = ORDER if last == "1k" else tuple(reversed(ORDER))
    grown = settled(way[0])
    for name in way[1:]:
        grown = go(grown, name)
    assert facts(grown) == facts(settled(last))


def facts(world: World) -> object:
    """What a user could see, less what only time tells."""
    units = sorted(
        (h.name, u.pool or u.name, u.engine, u.state, str(u.fingerprint))
        for h in world.plain.seen.now.hosts
        for u in h.units
    )
    roles = {p: (d.role, d.running, d.slots) for p, d in world.plain.seen.databases.items()}
    return units, roles, world.agrees, world.synchronous, world.etcd_data, world.journal


NEIGHBOURS = [
    pair for one, other in itertools.pairwise(ORDER) for pair in ((one, other), (other, one))
]


@pytest.mark.parametrize(
    ("start", "end", "lost"),
    [
        (*pair, lost)
        for pair in NEIGHBOURS
        for lost in (False, True)
        if not lost or pair[0].startswith("1k")
    ],
)
def test_planning_again_after_each_step_gives_the_remainder(
    start: str, end: str, lost: bool
) -> None:
    world = reached(start)
    world = failed_over(world) if lost else world
    whole = steps_to(world, end)
    for done, step in enumerate(whole):
        world = apply(step, world, goal(end))
        assert len(writable(world)) == 1
        again = [s for s in steps_to(world, end) if not isinstance(s, OPTIONAL)]
        rest = [s for s in whole[done + 1 :] if not isinstance(s, OPTIONAL)]
        if rest and isinstance(rest[0], cluster.SwitchOver) and world.held:
            # What is left begins with a wait: who is held is let go first, and held again.
            assert {
                s.pool for s in again[: len(world.held)] if isinstance(s, st.Release)
            } == world.held
            again = again[len(world.held) :]
        assert again == rest, (done, step)
    assert plan("grow", world.found, goal(end), Terms()).empty


@given(some.data())
def test_whoever_is_interrupted_anywhere_may_go_either_way(data: some.DataObject) -> None:
    at = data.draw(some.sampled_from(["100", "1k"]))
    world = settled(at)
    for _ in range(data.draw(some.integers(1, 5))):
        place = ORDER.index(at)
        near = [ORDER[i] for i in (place - 1, place, place + 1) if 0 <= i < len(ORDER)]
        end = data.draw(some.sampled_from(near))
        steps = steps_to(world, end)
        cut = data.draw(some.integers(0, len(steps)))
        for step in steps[:cut]:
            world = apply(step, world, goal(end))
            assert len(writable(world)) == 1
        if len(world.in_care()) == len(PATHS) and world.synchronous and data.draw(some.booleans()):
            leads = next(p for p in PATHS if world.role(p) == "leader")
            if leads == PATHS[0]:
                world = failed_over(world)
        at = data.draw(some.sampled_from([at, end])) if cut < len(steps) else end
        world = go(world, at)
        assert plan("grow", world.found, goal(at), Terms()).empty
        assert len(writable(world)) == 1


def test_begun_at_1k_the_journal_comes_into_etcd_before_any_database_is_started() -> None:
    wanted = goal("1k")
    todo = with_journal(plan_fresh("up", Observation(), wanted), wanted, is_there=False).steps
    moved = todo.index(st.MoveJournal("main", None))
    assert isinstance(todo[moved - 1], cluster.AwaitQuorum)
    starts = [(n, s.unit) for n, t in enumerate(todo) for s in st.flatten((t,)) if _starts(s)]
    assert all(n < moved for n, path in starts if path.endswith("/etcd"))
    assert all(n > moved for n, path in starts if path in PATHS)


def test_where_it_is_there_or_no_database_fails_over_it_stays() -> None:
    for name, is_there in (("1k", True), ("100", False), ("100+1k", False)):
        todo = plan_fresh("up", Observation(), goal(name))
        assert with_journal(todo, goal(name), is_there=is_there) == todo


def _starts(step: st.Step) -> bool:
    return isinstance(step, st.StartUnit)


@pytest.mark.parametrize("name", ORDER)
def test_a_trial_start_reaches_the_database_itself_at_every_position(name: str) -> None:
    """``upgrade`` tries the next server: without endpoints, and without whoever leads these."""
    found = direct(goal(name).topology)
    assert found.of(PatroniSettings) == goal(name).topology.of(PatroniSettings)
    assert not found.of(EndpointSettings)
