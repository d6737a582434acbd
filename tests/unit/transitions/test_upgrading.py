"""The planner of an upgrade: interrupted anywhere, the rest is what is left to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.topologies import one_host

from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.transitions import steps as st
from tenfold.transitions.interrupting import Bounds
from tenfold.transitions.planner import Goal
from tenfold.transitions.upgrading import Wish, behind, moved, plan

TOPOLOGY = one_host()
GOAL = Goal(TOPOLOGY, release="r1", fingerprints={m.path: m.path for m in TOPOLOGY.members()})
PROGRAMS = {unit.path: (f"/new/{unit.engine}",) for unit in TOPOLOGY.units}
WISH = Wish(PROGRAMS, Bounds(5.0, 600.0, 600.0), patience_seconds=30.0)
HELD = ["Settle", "Checkpoint", "Hold", "RenewServer", "WarmPool", "Handover"]
EDGE = ["StandIn", "Renew", "EndStandIn"]

Change = Callable[[ObservedUnit], ObservedUnit | None]


def running(change: Change = lambda unit: unit, *more: ObservedUnit) -> Observation:
    units = [
        ObservedUnit(
            name=f"{member.name}.1.1" if member is TOPOLOGY.app_pool else member.name,
            engine=member.engine,
            state="running",
            pid=7,
            since=100.0,
            pool=member.name if member is TOPOLOGY.app_pool else None,
            generation=1 if member is TOPOLOGY.app_pool else 0,
            release="r1" if member is TOPOLOGY.app_pool else None,
            fingerprint=member.path,
            program=PROGRAMS.get(member.path, (None,))[0],
        )
        for member in TOPOLOGY.members()
    ]
    seen = tuple(u for u in map(change, units) if u is not None)
    return Observation(hosts=(ObservedHost("vm1", "127.0.0.1", "running", units=(*seen, *more)),))


def where(name: str, **changes: object) -> Change:
    return lambda unit: replace(unit, **changes) if unit.name == name else unit  # type: ignore[arg-type]


def kinds(now: Observation, wish: Wish = WISH) -> list[str]:
    return [type(step).__name__ for step in plan("upgrade", now, GOAL, wish).steps]


def test_nothing_is_done_where_everything_runs_what_is_installed() -> None:
    assert kinds(running()) == []


@pytest.mark.parametrize("how", [{"replaced": True}, {"program": "/old/postgresql"}])
def test_a_database_restarts_while_requests_wait_and_new_workers_follow(
    how: dict[str, object],
) -> None:
    now = running(where("postgres", **how))
    assert [u.path for u in behind(now, GOAL, WISH)] == ["vm1/postgres"]
    assert kinds(now) == HELD


def test_only_what_somebody_would_notice_has_to_lie_where_it_did() -> None:
    now = running(lambda u: replace(u, program="/old"))
    assert [u.path for u in moved(now, GOAL, PROGRAMS)] == ["vm1/postgres", "vm1/edge"]
    assert moved(running(where("postgres", replaced=True)), GOAL, PROGRAMS) == ()
    down = running(lambda u: None if u.name == "edge" else replace(u, program="/old"))
    assert moved(down, GOAL, PROGRAMS) == ()  # whoever brings it up is welcome


def test_an_edge_is_stood_in_for_and_nobody_waits() -> None:
    assert kinds(running(where("edge", replaced=True))) == EDGE


def test_both_begin_with_what_makes_nobody_wait() -> None:
    assert kinds(running(lambda u: replace(u, replaced=True))) == EDGE + HELD


def test_workers_alone_are_no_reason() -> None:
    assert kinds(running(where("app.1.1", replaced=True))) == []


def test_everything_restarts_that_was_started_before_it_was_asked_for() -> None:
    asked = replace(WISH, anyway=200.0)
    assert kinds(running(), asked) == EDGE + HELD
    assert kinds(running(where("edge", since=300.0)), asked) == HELD
    assert kinds(running(lambda u: replace(u, since=300.0)), asked) == []


def test_what_does_not_run_is_started() -> None:
    gone = running(lambda u: None if u.name == "postgres" else u)
    assert kinds(gone) == ["RenewServer", "WarmPool", "Handover"]


def test_an_edge_whose_stand_in_is_left_is_there_before_that_ends() -> None:
    beside = ObservedUnit("edge" + st.BESIDE, "nginx", "running")
    assert kinds(running(lambda u: u, beside)) == EDGE
    assert kinds(running(lambda u: None if u.name == "edge" else u, beside)) == EDGE


def test_workers_of_a_database_that_restarted_are_replaced_by_the_next_attempt() -> None:
    assert kinds(running(), replace(WISH, stale=True)) == ["WarmPool", "Handover"]


def test_workers_that_were_warm_before_are_not_handed_over_to() -> None:
    warm = ObservedUnit(
        "app.2.1", "uvicorn", "warm", pool="app", generation=2, release="r1", fingerprint="vm1/app"
    )
    for now, wish in (
        (running(where("postgres", replaced=True), warm), WISH),
        (running(lambda u: u, warm), replace(WISH, stale=True)),
    ):
        steps = plan("upgrade", now, GOAL, wish).steps
        (made,) = [s for s in steps if isinstance(s, st.WarmPool)]
        assert made.generation == 3


def test_nobody_waits_where_nobody_is_served() -> None:
    down = running(lambda u: None if u.pool else replace(u, replaced=True))
    assert kinds(down) == [*EDGE, "RenewServer"]


def test_a_held_pool_counts_as_served() -> None:
    held = running(lambda u: replace(u, state="holding") if u.pool else replace(u, replaced=True))
    assert kinds(held) == EDGE + HELD


def test_a_stand_in_is_taken_back_and_steps_are_plain_data() -> None:
    step = st.StandIn("vm1/edge", 30.0)
    assert step.reverse() == st.EndStandIn("vm1/edge")
    for one in (step, st.Renew("vm1/edge", 3.0, 4.0), st.EndStandIn("vm1/edge")):
        assert st.from_json(st.to_json(one)) == one
        assert one.sentence()
