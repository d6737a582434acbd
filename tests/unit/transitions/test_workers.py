"""Background workers, planned: replaced before the app is, one at a time where there may be one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from tests.support.model import apply
from tests.support.topologies import one_host

from tenfold.topology.model import Pool
from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.topology.settings import WorkerSettings
from tenfold.transitions import steps as st
from tenfold.transitions.planner import Goal, plan

MAIL = Pool("mail", "worker", "vm1", WorkerSettings("celery worker", single=False), 2, 2)
BEAT = Pool("beat", "worker", "vm1", WorkerSettings("celery beat"), 1, 1)


def goal(release: str = "r1", *, renew: bool = False, prints: str = "f") -> Goal:
    topology = one_host()
    topology = replace(topology, pools=(*topology.pools, BEAT, MAIL))
    pooled = {p.path: f"{prints}-{p.path}-{release}" for p in topology.pools}
    return Goal(
        topology=topology,
        release=release,
        fingerprints={"vm1/postgres": "f", "vm1/edge": "f", **pooled},
        prepared={"vm1/postgres": ""},
        renew=renew,
    )


def carried_out(wanted: Goal, now: Observation | None = None) -> Observation:
    now = now or Observation()
    for step in plan("up", now, wanted).steps:
        now = apply(step, now, wanted)
    return now


def kinds(now: Observation, wanted: Goal) -> list[str]:
    return [type(s).__name__ for s in st.flatten(plan("deploy", now, wanted).steps)]


def test_the_first_up_starts_them_when_the_release_is_known_to_work() -> None:
    steps = st.flatten(plan("up", Observation(), goal()).steps)
    names = [type(s).__name__ for s in steps]
    assert names.index("WarmPool") < names.index("StartWorkers") < names.index("Handover")
    assert st.StartWorkers("vm1/mail", 1, "r1", 2) in steps
    assert st.StartWorkers("vm1/beat", 1, "r1", 1) in steps
    assert plan("up", carried_out(goal()), goal()).empty


@pytest.mark.parametrize("release", ["r1", "r2"])
def test_a_deploy_replaces_them_before_the_app_and_lets_go_of_them_after_it(release: str) -> None:
    assert kinds(carried_out(goal()), goal(release, renew=True)) == [
        *(["BuildRelease"] if release == "r2" else []),
        "WarmPool",
        *("StartWorkers", "RestWorkers", "RestWorkers", "StartWorkers"),
        *(["PublishAssets"] if release == "r2" else []),
        "Handover",
        *("ForgetWorkers", "ForgetWorkers", "PruneReleases"),
    ]


def test_of_what_may_be_there_once_the_old_one_rests_before_the_new_one_starts() -> None:
    steps = list(st.flatten(plan("deploy", carried_out(goal()), goal("r2")).steps))
    rest, start = st.RestWorkers("vm1/beat", 2), st.StartWorkers("vm1/beat", 2, "r2", 1)
    assert steps.index(rest) < steps.index(start)
    rest, start = st.RestWorkers("vm1/mail", 2), st.StartWorkers("vm1/mail", 2, "r2", 2)
    assert steps.index(start) < steps.index(rest)


def test_what_a_failed_deploy_sent_to_rest_is_woken_in_reverse_order() -> None:
    assert st.RestWorkers("vm1/beat", 2).reverse() == st.WakeWorkers("vm1/beat", 2)
    assert st.StartWorkers("vm1/beat", 2, "r2", 1).reverse() == st.StopWorkers("vm1/beat", 2)
    assert st.ForgetWorkers("vm1/beat", 2).reverse() is None


def test_one_that_crashes_again_and_again_is_replaced_by_up() -> None:
    now = carried_out(goal())
    (host,) = now.hosts
    units = tuple(replace(u, state="backoff") if u.pool == "beat" else u for u in host.units)
    now = replace(now, hosts=(replace(host, units=units),))
    assert plan("up", now, goal()).steps == (
        st.RestWorkers("vm1/beat", 2),
        st.StartWorkers("vm1/beat", 2, "r1", 1),
        st.ForgetWorkers("vm1/beat", 2),
    )


def test_a_kind_that_the_file_does_not_have_any_more_is_stopped() -> None:
    wanted = goal("r2")
    without = replace(wanted.topology, pools=tuple(p for p in wanted.topology.pools if p != BEAT))
    steps = plan("deploy", carried_out(goal()), replace(wanted, topology=without)).steps
    assert st.StopUnit("vm1/beat.1.0") in steps


releases = some.sampled_from(["r1", "r2"])
states = some.sampled_from(["running", "backoff", "failed", "draining", "starting", "resting"])


@some.composite
def worlds(draw: some.DrawFn) -> Observation:
    """An app that serves, and any workers beside it."""
    serving = draw(releases)
    now = carried_out(goal(serving))
    (host,) = now.hosts
    singles = [u for u in host.units if u.pool not in ("mail", "beat")]
    working: list[ObservedUnit] = []
    for name, most in (("mail", 3), ("beat", 1)):
        for generation in range(1, draw(some.integers(1, 4))):
            release = draw(releases)
            working += [
                ObservedUnit(
                    f"{name}.{generation}.{index}",
                    "worker",
                    draw(states) if name == "mail" or generation == 1 else "resting",
                    pool=name,
                    generation=generation,
                    release=release,
                    fingerprint=f"f-vm1/{name}-{release}",
                )
                for index in range(draw(some.integers(0, most)))
            ]
    host = ObservedHost("vm1", "127.0.0.1", "running", units=(*singles, *working))
    return replace(now, hosts=(host,), built=("r1", "r2"))


@given(worlds(), releases)
def test_any_workers_become_those_of_the_goal(now: Observation, release: str) -> None:
    wanted = goal(release)
    after = carried_out(wanted, now)
    assert plan("up", after, wanted).empty
    (host,) = after.hosts
    for name, count in (("mail", 2), ("beat", 1)):
        found = host.pool(name)
        assert {u.release for u in found} == {release}
        assert len({u.generation for u in found}) == 1
        assert sum(u.state == "running" for u in found) >= count


@given(worlds(), releases, some.booleans())
def test_of_what_may_be_there_once_no_second_one_is_ever_started(
    now: Observation, release: str, renew: bool
) -> None:
    wanted = goal(release, renew=renew)
    for step in st.flatten(plan("up", now, wanted).steps):
        now = apply(step, now, wanted)
        beats = now.hosts[0].pool("beat")
        assert len({u.generation for u in beats if u.state != "resting"}) <= 1, step


@given(worlds(), releases, some.booleans())
def test_planning_again_after_each_step_gives_the_remainder(
    now: Observation, release: str, renew: bool
) -> None:
    # What began alone cannot be told from what is to be renewed; that costs one more generation.
    assume(not renew or all(now.hosts[0].pool(name) for name in ("mail", "beat")))
    # Of what crashes, a new generation is started, or the one that rests by then is woken.
    units = [u for name in ("mail", "beat") for u in now.hosts[0].pool(name)]
    crashing = ("backoff", "starting", "failed")
    assume(not any(u.release == release and u.state in crashing for u in units))
    wanted = goal(release, renew=renew)
    whole = st.flatten(plan("up", now, wanted).steps)
    for done, step in enumerate(whole):
        now = apply(step, now, wanted)
        if isinstance(step, st.Handover) and renew:
            break  # The app of this release is new then, and would be renewed once more.
        again = st.flatten(plan("up", now, wanted).steps)
        optional = (st.PruneReleases, st.DiscardGeneration)
        left = [s for s in whole[done + 1 :] if not isinstance(s, optional)]
        assert [s for s in again if not isinstance(s, optional)] == left, (done, step)
