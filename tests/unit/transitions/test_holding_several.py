"""One hold over several pools, on the memory target: all of them hold, or none does."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.topologies import two_zones
from tests.unit.transitions.test_perform import Shelf, blueprint, do, memory

from tenfold.deployment.carrying import carry_claimed
from tenfold.errors import JournalError, StepFailed, TargetError
from tenfold.targets.memory import MemoryTarget
from tenfold.transitions import steps as st
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform import World, holding
from tenfold.transitions.perform.holding import FRESH_SECONDS, let_go_behind
from tenfold.transitions.planner import Plan
from tenfold.transitions.steps import cluster

POOLS = ("app1/app", "app2/app")
HOLD = st.Hold("app1/app", 5.0, 0.0, others=("app2/app",))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(holding, "RETRY_SECONDS", 0.0)
    target = MemoryTarget()
    found = World(
        blueprint=blueprint(two_zones(), target),
        target=target,
        journal=SqliteJournal(tmp_path / "journal.db"),
        releases=Shelf(),
    )
    for path in POOLS:
        do(found, st.WarmPool(path, 1, "r1", 2), st.Handover(path, 1, "r1"))
    return found


def held(world: World) -> list[str]:
    return [name for name, agent in memory(world).agents.items() if agent.held]


def test_all_hold_and_it_ends_when_the_last_accepts_again(world: World) -> None:
    do(world, HOLD)
    assert held(world) == ["app1", "app2"]
    assert [hold.pools for hold in world.evidence.holds] == [POOLS]
    do(world, st.Release("app1/app"))
    assert world.evidence.holding() is not None
    do(world, st.Release("app2/app"))
    assert world.evidence.holding() is None
    assert held(world) == []


def test_a_handover_of_all_ends_it(world: World) -> None:
    do(world, HOLD)
    for path in POOLS:
        assert world.evidence.holding() is not None
        do(world, st.WarmPool(path, 2, "r1", 2), st.Handover(path, 2, "r1"))
    assert world.evidence.holding() is None


def test_where_one_cannot_hold_none_does(world: World) -> None:
    memory(world).fail("hold", "app", StepFailed("app2/app cannot"), host="app2")
    with pytest.raises(StepFailed, match="app2/app cannot"):
        do(world, HOLD)
    assert held(world) == []
    assert world.evidence.holding() is None


def test_where_one_does_not_drain_nobody_is_kept_waiting(world: World) -> None:
    memory(world).agents["app2"].requests["app"] = (1, 0.1)
    with pytest.raises(StepFailed, match="put off"):
        do(world, HOLD)
    assert held(world) == []
    assert world.evidence.holding() is None


def test_a_request_that_takes_long_anywhere_is_waited_for_before_anybody_holds(
    world: World,
) -> None:
    memory(world).agents["app2"].requests["app"] = (1, 12.0)
    with pytest.raises(StepFailed, match="a request has run for 12 s"):
        do(world, HOLD)
    assert world.evidence.holds == []


@pytest.mark.parametrize(("age", "again"), [(FRESH_SECONDS + 1.0, 1), (0.0, 0)])
def test_a_hold_that_was_put_off_has_its_checkpoint_written_again(
    world: World, monkeypatch: pytest.MonkeyPatch, age: float, again: int
) -> None:
    """What was written meanwhile would have to be written by the stop, while requests wait."""
    last = st.Checkpoint(("db1/postgres", "db2/postgres"))
    orders: list[str] = []

    def perform(step: st.Step, world: World, tell: object) -> None:
        assert step == last
        assert held(world) == []
        orders.append("checkpoint")
        world.evidence.checkpoint = last, time.monotonic()

    monkeypatch.setattr(holding, "effect", perform)
    world.evidence.checkpoint = last, time.monotonic() - age
    do(world, HOLD)
    assert orders == ["checkpoint"] * again
    assert held(world) == ["app1", "app2"]
    for agent in memory(world).agents.values():
        assert [order for order, _ in agent.orders].count("settle") == again


@pytest.mark.parametrize("in_vain", [False, True])
def test_a_later_hold_does_not_write_the_checkpoint_of_an_earlier_one(
    world: World, monkeypatch: pytest.MonkeyPatch, in_vain: bool
) -> None:
    """The units of that checkpoint may have changed roles since, or be down."""

    def perform(step: st.Step, world: World, tell: object) -> None:
        raise StepFailed("recovery is in progress")

    monkeypatch.setattr(holding, "effect", perform)
    written = st.Checkpoint(("db1/postgres", "db2/postgres"))
    world.evidence.checkpoint = written, time.monotonic()
    do(world, replace(HOLD, in_vain=in_vain))
    do(world, *(st.Release(path) for path in POOLS))
    monkeypatch.setattr(holding, "FRESH_SECONDS", -1.0)  # whatever was written is old by now
    do(world, HOLD)
    assert held(world) == ["app1", "app2"]


def test_nor_does_the_one_after_a_hold_that_was_put_off_for_too_long(world: World) -> None:
    memory(world).agents["app2"].requests["app"] = (1, 12.0)
    world.evidence.checkpoint = st.Checkpoint(("db1/postgres",)), time.monotonic()
    with pytest.raises(StepFailed, match="a request has run"):
        do(world, HOLD)
    assert world.evidence.checkpoint is None


def test_another_try_of_a_plan_begins_without_the_checkpoint_of_the_one_before(
    world: World,
) -> None:
    world.evidence.checkpoint = st.Checkpoint(("db1/postgres",)), time.monotonic()
    target: Any = memory(world)
    carry_claimed(world, target, Plan("upgrade", ()), Deaf(), takes_back=True)
    assert world.evidence.checkpoint is None


def test_the_reverse_lets_all_go(world: World) -> None:
    do(world, HOLD)
    back = HOLD.reverse()
    assert isinstance(back, st.Together)
    do(world, *back.steps)
    assert held(world) == []


def test_where_one_host_does_not_answer_nobody_waits_in_front_of_the_others(world: World) -> None:
    do(world, HOLD)
    memory(world).fail("release", "app", TargetError("app1 is gone"), host="app1")
    error = JournalError("etcd is silent", changed="nothing was begun")
    let_go_behind(error, world)
    assert held(world) == ["app1"]
    assert error.changed is not None
    assert error.changed.startswith("nothing was begun\nrequests wait until")
    assert "app1 is gone" in error.changed
    let_go_behind(error, world)
    assert held(world) == []
    assert world.evidence.holding() is None


class SilentBehind(SqliteJournal):
    """etcd says nothing any more when the step at this position is to be begun."""

    position = 1

    def intend(self, transition: int, position: int, *, done: int | None = None) -> None:
        if position == self.position:
            raise JournalError("etcd is silent")
        super().intend(transition, position, done=done)


class Deaf:
    """A listener."""

    def __getattr__(self, name: str) -> Any:
        return lambda *told: None


SWITCH = cluster.SwitchOver("db1/postgres", "db2/postgres", 5.0)


def test_behind_a_change_of_leaders_nobody_waits_whatever_ends_it(
    world: World, tmp_path: Path
) -> None:
    world = replace(world, journal=SilentBehind(tmp_path / "silent.db"))
    target: Any = memory(world)
    with pytest.raises(JournalError, match="silent"):
        carry_claimed(world, target, Plan("drain", (HOLD, SWITCH)), Deaf(), takes_back=False)
    assert held(world) == []
    assert world.evidence.holding() is None


def test_whose_sessions_are_lost_by_then_waits_for_new_workers(
    world: World, tmp_path: Path
) -> None:
    world = replace(world, journal=SilentBehind(tmp_path / "silent.db"))
    world.evidence.lost = True
    target: Any = memory(world)
    with pytest.raises(JournalError, match="silent"):
        carry_claimed(world, target, Plan("upgrade", (HOLD, SWITCH)), Deaf(), takes_back=False)
    assert held(world) == ["app1", "app2"]


def test_where_the_command_itself_switches_they_wait_for_whoever_finishes_it(
    world: World, tmp_path: Path
) -> None:
    world = replace(world, journal=SilentBehind(tmp_path / "silent.db"))
    target: Any = memory(world)
    promote = st.Promote("db2/postgres", "db1/postgres")
    with pytest.raises(JournalError, match="silent"):
        carry_claimed(world, target, Plan("grow", (HOLD, promote)), Deaf(), takes_back=False)
    assert held(world) == ["app1", "app2"]
