"""An app that serves from several hosts: every pool is warm before any is handed over."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.support.model import apply
from tests.support.topologies import two_zones

from tenfold.cli.wording import finished_sentence
from tenfold.topology.model import Host, Topology
from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.transitions import interrupting
from tenfold.transitions import steps as st
from tenfold.transitions.planner import Goal, plan

POOLS = ("app1/app", "app2/app")


def goal(release: str = "r1", **changes: object) -> Goal:
    topology = two_zones()
    prints = {m.path: f"print of {m.path}" for m in topology.members()}
    prints |= {path: f"print of {path} with {release}" for path in POOLS}
    wanted = Goal(
        topology=topology,
        release=release,
        migrate="migrate",
        fingerprints=prints,
        prepared={"db1/postgres": "grants"},
    )
    return replace(wanted, **changes)


def carried_out(wanted: Goal, now: Observation | None = None) -> Observation:
    now = now or Observation()
    for step in st.flatten(plan("up", now, wanted).steps):
        now = apply(step, now, wanted)
    return now


def told(steps: tuple[st.Step, ...]) -> list[str]:
    return [step.sentence() for step in steps]


def test_the_first_up_begins_no_edge_before_all_pools_serve() -> None:
    steps = plan("up", Observation(), goal()).steps
    assert told(steps)[6:] == [
        "start app2/database",
        "migrate for release r1: migrate",
        "warm 2 units of app1/app with release r1; warm 2 units of app2/app with release r1",
        "publish the static files of release r1",
        "hand app1/app over to release r1; hand app2/app over to release r1",
        "start app1/edge",
        "start app2/edge",
        "remove releases older than the last 5",
    ]
    assert plan("up", carried_out(goal()), goal()).empty


def test_a_deploy_migrates_once_and_hands_all_over_at_once() -> None:
    steps = plan("deploy", carried_out(goal()), goal("r2")).steps
    assert [type(s).__name__ for s in steps] == [
        *("BuildRelease", "Migrate", "Together", "PublishAssets", "Together", "PruneReleases"),
    ]
    assert steps[4] == st.Together(tuple(st.Handover(p, 2, "r2") for p in POOLS))


def test_an_app_that_makes_its_tables_itself_is_warmed_pool_after_pool() -> None:
    wanted = goal(topology=two_zones(separate_owner=False), migrate=None)
    steps = plan("up", Observation(), wanted).steps
    warm = [s for s in steps if isinstance(s, st.WarmPool)]
    assert warm == [st.WarmPool(path, 1, "r1", 2) for path in POOLS]


def test_a_deploy_that_one_pool_did_not_reach_goes_on_with_that_pool_alone() -> None:
    now = carried_out(goal())
    for step in st.flatten(plan("deploy", now, goal("r2")).steps):
        now = apply(step, now, goal("r2"))
        if step == st.Handover("app1/app", 2, "r2"):
            break
    assert plan("deploy", now, goal("r2")).steps[0] == st.Handover("app2/app", 2, "r2")


def test_a_rollback_after_a_deploy_that_was_cut_off_brings_both_pools_back() -> None:
    now = carried_out(goal())
    for step in st.flatten(plan("deploy", now, goal("r2")).steps):
        now = apply(step, now, goal("r2"))
        if isinstance(step, st.Handover):
            break
    now = carried_out(goal("r1"), now)
    assert plan("up", now, goal("r1")).empty
    assert {u.release for h in now.hosts for u in h.units if u.pool} == {"r1"}


def test_a_pool_that_has_lost_its_workers_is_warmed_alone() -> None:
    now = carried_out(goal())
    host = now.host("app2")
    assert host
    left = tuple(u for u in host.units if not u.pool)
    now = replace(
        now, hosts=(*(h for h in now.hosts if h.name != "app2"), replace(host, units=left))
    )
    steps = plan("up", now, goal()).steps
    assert steps[:2] == (st.WarmPool("app2/app", 1, "r1", 2), st.Handover("app2/app", 1, "r1"))


def test_all_pools_hold_or_none() -> None:
    now, wanted = carried_out(goal()), goal()
    change = st.RenewServer("db1/postgres")
    steps = interrupting.while_requests_wait([change], now, wanted, interrupting.Bounds(5.0))
    assert [type(s).__name__ for s in steps] == [
        *("Together", "Hold", "RenewServer", "Together", "Together"),
    ]
    hold = steps[1]
    assert hold == st.Hold("app1/app", 5.0, 600.0, False, ("app2/app",))
    assert hold.reverse() == st.Together(tuple(st.Release(p) for p in POOLS))
    assert steps[4] == st.Together(tuple(st.Handover(p, 2, "r1") for p in POOLS))


def test_a_hold_of_an_older_journal_is_of_one_pool() -> None:
    told = st.to_json(st.Hold("app1/app", 5.0, 600.0))
    del told["others"]
    assert st.from_json(told) == st.Hold("app1/app", 5.0, 600.0)


def test_what_is_done_once_is_done_at_the_first_pool() -> None:
    assert two_zones().app_pool.path == "app1/app"
    with pytest.raises(KeyError):
        _ = Topology("shop", "1", (Host("vm1"),)).app_pool


states = some.sampled_from(["running", "warm", "failed", "draining"])
releases = some.sampled_from(["r1", "r2"])


@some.composite
def worlds(draw: some.DrawFn) -> Observation:
    """What two app hosts could report in the middle of anything."""
    hosts = [ObservedHost("db1", "127.0.0.1", draw(some.sampled_from(["running", "absent"])))]
    for name in ("app1", "app2"):
        pooled = [
            ObservedUnit(
                f"app.{generation}.{index}",
                "uvicorn",
                draw(states),
                pool="app",
                generation=generation,
                release=(release := draw(releases)),
                fingerprint=f"print of {name}/app with {release}",
            )
            for generation in range(1, draw(some.integers(1, 3)))
            for index in range(draw(some.integers(0, 2)))
        ]
        agent = draw(some.sampled_from(["running", "absent"]))
        units = tuple(pooled) if agent == "running" else ()
        hosts.append(ObservedHost(name, "127.0.0.1", agent, units=units))
    served = tuple(draw(some.lists(releases, unique=True)))
    return Observation(
        hosts=tuple(hosts),
        release=served[-1] if served else None,
        served=served,
        built=tuple(draw(some.lists(releases, unique=True))),
        migrated=tuple(draw(some.lists(releases, unique=True))),
        published=draw(some.none() | releases),
        pages=draw(some.none() | some.just("p1")),
    )


@given(worlds(), releases)
def test_planning_again_after_each_step_gives_the_remainder(now: Observation, release: str) -> None:
    wanted = goal(release, pages="p2")
    whole = st.flatten(plan("up", now, wanted).steps)
    optional = (st.PruneReleases, st.PrunePages, st.DiscardGeneration)
    left = partial(filter, lambda step: not isinstance(step, optional))
    for done, step in enumerate(whole):
        if isinstance(step, st.PruneReleases | st.PrunePages):
            break
        now = apply(step, now, wanted)
        again = st.flatten(plan("up", now, wanted).steps)
        assert list(left(again)) == list(left(whole[done + 1 :])), (done, step)


def test_a_hold_is_told_with_all_its_pools() -> None:
    hold = st.Hold("app1/app", 5.0, 600.0, others=("app2/app",))
    assert (
        finished_sentence(hold)
        == "requests wait in front of app1/app and app2/app; none is in hand"
    )
    alone = st.Hold("app1/app", 5.0, 600.0, in_vain=True)
    assert finished_sentence(alone) == "requests wait in front of app1/app"
