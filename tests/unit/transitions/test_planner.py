"""The planner's promise: interrupt anywhere, plan again, get the remainder."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.support.model import apply
from tests.support.topologies import one_host

from tenfold.topology.model import Unit
from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.topology.settings import EdgeSettings
from tenfold.transitions import steps as st
from tenfold.transitions.planner import Goal, plan, plan_down
from tenfold.transitions.steps import cluster

EDGE_ALONE = Unit("edge", "nginx", "vm1", EdgeSettings(upstream=None, pages=True))
PATHS = ("vm1/postgres", "vm1/edge", "vm1/app")


def goal(release: str = "r1", *, prints: str = "f", **changes: object) -> Goal:
    given_goal = Goal(
        topology=one_host(),
        release=release,
        migrate="migrate",
        fingerprints={p: f"{prints}-{p}-{release if p == 'vm1/app' else ''}" for p in PATHS},
        prepared={"vm1/postgres": "grants"},
    )
    return replace(given_goal, **changes)


def carried_out(wanted: Goal, now: Observation | None = None) -> Observation:
    now = now or Observation()
    for step in plan("up", now, wanted).steps:
        now = apply(step, now, wanted)
    return now


def kinds(steps: tuple[st.Step, ...]) -> list[str]:
    return [type(s).__name__ for s in st.flatten(steps)]


def test_the_first_up_builds_before_and_serves_last() -> None:
    assert kinds(plan("up", Observation(), goal()).steps) == [
        "EnsureHost",
        "BuildRelease",
        "StartUnit",
        "PrepareDatabase",
        "Migrate",
        "WarmPool",
        "PublishAssets",
        "Handover",
        "StartUnit",
        "PruneReleases",
    ]


def test_user_files_are_in_place_before_a_release_links_to_them_and_once() -> None:
    wanted = goal(storage=(st.KeepFiles("media", 2, 10),))
    steps = plan("up", Observation(), wanted).steps
    assert steps[0] == st.KeepFiles("media", 2, 10)
    assert steps[0].reverse() == st.LeaveFiles("media")
    done = carried_out(wanted)
    assert "KeepFiles" not in kinds(plan("deploy", done, goal("r2")).steps)
    assert plan("up", done, wanted).empty


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert plan("up", carried_out(goal()), goal()).empty


def test_a_deploy_builds_first_and_never_touches_database_or_edge() -> None:
    now = carried_out(goal("r1"))
    steps = plan("deploy", now, goal("r2")).steps
    assert kinds(steps) == [
        "BuildRelease",
        "Migrate",
        "WarmPool",
        "PublishAssets",
        "Handover",
        "PruneReleases",
    ]


def test_a_rollback_to_a_release_that_served_neither_builds_nor_migrates() -> None:
    now = carried_out(goal("r2"), carried_out(goal("r1")))
    assert kinds(plan("rollback", now, goal("r1")).steps) == [
        "WarmPool",
        "PublishAssets",
        "Handover",
        "PruneReleases",
    ]


def test_a_changed_edge_is_restarted_and_the_workers_are_left_alone() -> None:
    now = carried_out(goal())
    wanted = goal()
    wanted = replace(wanted, fingerprints={**wanted.fingerprints, "vm1/edge": "new"})
    assert plan("up", now, wanted).steps == (st.RestartUnit("vm1/edge"),)


def test_a_crashed_database_is_started_and_the_workers_are_left_alone() -> None:
    now = carried_out(goal())
    host = now.host("vm1")
    assert host
    units = tuple(replace(u, state="failed") if u.name == "postgres" else u for u in host.units)
    now = replace(now, hosts=(replace(host, units=units),))
    assert plan("up", now, goal()).steps == (st.StartUnit("vm1/postgres"),)


def test_the_same_release_again_is_a_new_generation_when_asked_for() -> None:
    now = carried_out(goal())
    steps = plan("deploy", now, goal(renew=True)).steps
    assert st.WarmPool("vm1/app", 2, "r1", 2) in steps
    assert st.Handover("vm1/app", 2, "r1") in steps


def test_workers_that_an_interrupted_deploy_left_warm_are_discarded_by_up() -> None:
    now = carried_out(goal("r1"))
    now = apply(st.WarmPool("vm1/app", 2, "r2", 2), now, goal("r2"))
    assert plan("up", now, goal("r1")).steps == (st.DiscardGeneration("vm1/app", 2),)


def test_an_interrupted_deploy_goes_on_with_the_workers_that_are_warm() -> None:
    now = carried_out(goal("r1"))
    for step in (st.BuildRelease("r2"), st.Migrate("r2", "migrate")):
        now = apply(step, now, goal("r2"))
    now = apply(st.WarmPool("vm1/app", 2, "r2", 2), now, goal("r2"))
    assert kinds(plan("deploy", now, goal("r2")).steps)[:2] == ["PublishAssets", "Handover"]


def test_half_warm_generations_are_not_handed_over_to() -> None:
    now = carried_out(goal("r1"))
    now = apply(st.WarmPool("vm1/app", 2, "r2", 1), now, goal("r2"))
    assert st.WarmPool("vm1/app", 3, "r2", 2) in plan("deploy", now, goal("r2")).steps


def test_what_the_topology_does_not_have_is_stopped_last() -> None:
    now = carried_out(goal())
    host = now.host("vm1")
    assert host
    now = replace(
        now, hosts=(replace(host, units=(*host.units, ObservedUnit("old", "any", "running"))),)
    )
    assert plan("up", now, goal()).steps == (st.StopUnit("vm1/old"),)


def test_down_stops_hosts_and_nothing_else() -> None:
    assert plan_down(carried_out(goal())).steps == (st.StopHost("vm1"),)
    assert plan_down(Observation()).empty


def test_down_also_stops_hosts_that_no_topology_has_any_more() -> None:
    hosts = (
        ObservedHost("old", "127.0.0.1", "running"),
        ObservedHost("gone", "127.0.0.1", "absent"),
        ObservedHost("new", "127.0.0.1", "running"),
    )
    assert plan_down(Observation(hosts)).steps == (st.StopHost("new"), st.StopHost("old"))


releases = some.sampled_from(["r1", "r2", "r3"])
ids = some.sampled_from(["p1", "p2"])
states = some.sampled_from(["running", "warm", "backoff", "failed", "draining", "starting"])


@some.composite
def worlds(draw: some.DrawFn) -> Observation:
    """Anything an agent could report, also what no plan of ours would leave behind."""
    singles = [
        ObservedUnit(name, engine, draw(states), fingerprint=draw(some.sampled_from(["x", "f"])))
        for name, engine in (("postgres", "postgresql"), ("edge", "nginx"), ("odd", "any"))
        if draw(some.booleans())
    ]
    pooled = [
        ObservedUnit(
            f"app.{generation}.{index}",
            "uvicorn",
            draw(states),
            pool="app",
            generation=generation,
            release=(release := draw(releases)),
            fingerprint=f"f-vm1/app-{release}",
        )
        for generation in range(1, draw(some.integers(1, 4)))
        for index in range(draw(some.integers(0, 3)))
    ]
    agent = draw(some.sampled_from(["running", "absent", "unreachable"]))
    units = tuple(singles + pooled) if agent == "running" else ()
    served = tuple(draw(some.lists(releases, unique=True)))
    return Observation(
        hosts=(ObservedHost("vm1", "127.0.0.1", agent, units=units),),
        release=served[-1] if served else None,
        served=served,
        built=tuple(draw(some.lists(releases, unique=True))),
        migrated=tuple(draw(some.lists(releases, unique=True))),
        published=draw(some.none() | releases),
        prepared=draw(some.sampled_from([{}, {"vm1/postgres": "grants"}])),
        pages=draw(some.none() | ids),
        made_pages=draw(some.sampled_from([(), ("p1",), ("p1", "p2")])),
    )


@given(worlds(), releases, some.sampled_from(["f", "g"]))
def test_any_plan_leads_to_its_goal(now: Observation, release: str, prints: str) -> None:
    wanted = goal(release, prints=prints)
    now = carried_out(wanted, now)
    rest = plan("up", now, wanted)
    assert all(isinstance(s, st.DiscardGeneration) for s in rest.steps), rest
    for step in rest.steps:
        now = apply(step, now, wanted)
    assert plan("up", now, wanted).empty


@given(worlds(), releases)
def test_planning_again_after_each_step_gives_the_remainder(now: Observation, release: str) -> None:
    wanted = goal(
        release,
        storage=(st.KeepFiles("media", 2, 10), st.KeepFiles("papers", 0, 0)),
        pages="p2",
    )
    whole = st.flatten(plan("up", now, wanted).steps)
    for done, step in enumerate(whole):
        if isinstance(step, st.PruneReleases | st.PrunePages):
            break
        now = apply(step, now, wanted)
        again = st.flatten(plan("up", now, wanted).steps)
        optional = (st.PruneReleases, st.PrunePages, st.DiscardGeneration)
        left = [s for s in whole[done + 1 :] if not isinstance(s, optional)]
        assert [s for s in again if not isinstance(s, optional)] == left, (done, step)


def of_pages(shown: str | None = "p1") -> Goal:
    topology = replace(one_host(), pools=(), units=(EDGE_ALONE,))
    return Goal(topology=topology, fingerprints={"vm1/edge": "f"}, pages=shown)


def test_pages_are_there_before_the_edge_is() -> None:
    steps = plan("up", Observation(), of_pages()).steps
    assert kinds(steps) == ["EnsureHost", "MakePages", "ShowPages", "StartUnit", "PrunePages"]
    now = carried_out(of_pages())
    assert plan("up", now, of_pages()).empty
    assert kinds(plan("deploy", now, of_pages("p2")).steps) == [
        "MakePages",
        "ShowPages",
        "PrunePages",
    ]
    assert kinds(plan("rollback", replace(now, made_pages=("p1", "p2")), of_pages("p2")).steps) == [
        "ShowPages",
        "PrunePages",
    ]


def test_pages_of_a_release_are_shown_when_its_workers_are_warm() -> None:
    now = carried_out(goal(pages="p1"))
    steps = kinds(plan("deploy", now, goal("r2", pages="p2")).steps)
    assert steps.index("WarmPool") < steps.index("MakePages") < steps.index("ShowPages")
    assert steps.index("ShowPages") < steps.index("Handover")


def test_pages_that_are_taken_back_are_the_ones_before() -> None:
    assert st.ShowPages("p2", "p1").reverse() == st.ShowPages("p1", "p2")
    assert st.ShowPages("p1", None).reverse() is None


@pytest.mark.parametrize("kind", sorted(st.KINDS))
def test_every_step_survives_the_journal(kind: str) -> None:
    samples: dict[str, st.Step] = {
        "EnsureHost": st.EnsureHost("vm1"),
        "StopHost": st.StopHost("vm1"),
        "BuildRelease": st.BuildRelease("r1"),
        "KeepFiles": st.KeepFiles("media", 3, 4096),
        "LeaveFiles": st.LeaveFiles("media"),
        "StartUnit": st.StartUnit("vm1/edge"),
        "RestartUnit": st.RestartUnit("vm1/edge"),
        "StopUnit": st.StopUnit("vm1/edge"),
        "PrepareDatabase": st.PrepareDatabase("vm1/postgres", "d"),
        "Migrate": st.Migrate("r1", "alembic upgrade head"),
        "WarmPool": st.WarmPool("vm1/app", 2, "r1", 3),
        "DiscardGeneration": st.DiscardGeneration("vm1/app", 2),
        "PublishAssets": st.PublishAssets("r2", "r1"),
        "Handover": st.Handover("vm1/app", 2, "r1"),
        "PruneReleases": st.PruneReleases(5),
        "MakePages": st.MakePages("20261127-1", "r1"),
        "ShowPages": st.ShowPages("20261127-1", None),
        "PrunePages": st.PrunePages(5),
        "ComparePages": st.ComparePages("vm1/app", "https://shop.example", "https://shop.example"),
        "MoveJournal": st.MoveJournal("main", None),
        "StartWorkers": st.StartWorkers("vm1/mail", 2, "r1", 3),
        "StopWorkers": st.StopWorkers("vm1/mail", 2),
        "RestWorkers": st.RestWorkers("vm1/mail", 2, 600.0),
        "WakeWorkers": st.WakeWorkers("vm1/mail", 2, 1),
        "ForgetWorkers": st.ForgetWorkers("vm1/mail", 2),
        "Check": st.Check("vm1/postgres", "db1/postgres"),
        "EnsureSlot": st.EnsureSlot("vm1/postgres", 2),
        "DropSlot": st.DropSlot("vm1/postgres", 2),
        "CatchUp": st.CatchUp("db1/postgres", "vm1/postgres", 60.0),
        "Verify": st.Verify("db1/postgres", "vm1/postgres"),
        "TrialStart": st.TrialStart("vm1/app", "db1/postgres", "r1"),
        "Checkpoint": st.Checkpoint(("vm1/postgres", "db1/postgres")),
        "Settle": st.Settle("vm1/app", 6.0),
        "Hold": st.Hold("vm1/app", 5.0, 600.0, True),
        "Release": st.Release("vm1/app"),
        "Fence": st.Fence("vm1/postgres", "db1/postgres"),
        "Unfence": st.Unfence("vm1/postgres", "db1/postgres"),
        "AwaitLast": st.AwaitLast("db1/postgres", "vm1/postgres"),
        "Promote": st.Promote("db1/postgres", "vm1/postgres"),
        "Follow": st.Follow("vm1/postgres", "db1/postgres"),
        "RemoveData": st.RemoveData("vm1/postgres"),
        "RemoveHost": st.RemoveHost("db1"),
        "BringBeside": st.BringBeside("vm1/postgres", "now", "shop-1", "then", 2, 1.5),
        "Exchange": st.Exchange("vm1/postgres", "now"),
        "StandIn": st.StandIn("vm1/edge", 30.0),
        "Renew": st.Renew("vm1/edge", 30.0, 1.5),
        "RenewServer": st.RenewServer("vm1/postgres", 1.5),
        "EndStandIn": st.EndStandIn("vm1/edge"),
        "RemoveBeside": st.RemoveBeside("vm1/postgres", "now"),
        "AwaitQuorum": cluster.AwaitQuorum(("db1/etcd", "db2/etcd"), 30.0),
        "RemoveEtcd": cluster.RemoveEtcd("db1/etcd"),
        "AdoptDatabase": cluster.AdoptDatabase("db1/postgres"),
        "ReleaseDatabase": cluster.ReleaseDatabase("db1/postgres"),
        "JoinCluster": cluster.JoinCluster("db2/postgres", "db1/postgres"),
        "LeaveCluster": cluster.LeaveCluster("db2/postgres", "db1/postgres"),
        "RequireSynchronous": cluster.RequireSynchronous("db1/postgres", 1),
        "RejoinEtcd": cluster.RejoinEtcd("db1/etcd", ("db2/etcd", "arbiter/etcd")),
        "ForgetEtcd": cluster.ForgetEtcd("db1/etcd", ("db2/etcd", "arbiter/etcd")),
        "ExcuseMember": cluster.ExcuseMember("db1/postgres", "db2/postgres"),
        "CountMember": cluster.CountMember("db1/postgres"),
        "AwaitMember": cluster.AwaitMember("db1/postgres", "db2/postgres", in_sync=True),
        "SwitchOver": cluster.SwitchOver("db2/postgres", "db1/postgres"),
        "Together": st.Together((st.BuildRelease("r1"), st.StartUnit("vm1/postgres"))),
    }
    step = samples[kind]
    assert st.from_json(st.to_json(step)) == step
    assert step.sentence()
    reverse = step.reverse()
    assert reverse is None or isinstance(reverse, st.Step)
