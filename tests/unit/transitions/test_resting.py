"""Rests that a command renews while it lives, and what it does to them around a fence."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.topologies import one_host
from tests.unit.transitions.test_perform import Shelf, blueprint, do, memory, states

from tenfold.errors import NotBegun, TargetError
from tenfold.targets.memory import MemoryTarget
from tenfold.topology.model import Pool
from tenfold.topology.settings import WorkerSettings
from tenfold.transitions import steps as st
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform import World, resting
from tenfold.transitions.perform.resting import REST_SECONDS, Renewals

START, REST = st.StartWorkers("vm1/beat", 1, "r1", 1), st.RestWorkers("vm1/beat")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(tmp_path: Path, clock: Clock) -> World:
    """One scheduler works; nothing is renewed but by hand."""
    target = MemoryTarget(["vm1"], clock=clock)
    beat = Pool("beat", "worker", "vm1", WorkerSettings("celery beat"), 1, 1)
    topology = replace(one_host(), pools=(*one_host().pools, beat))
    made = World(
        blueprint(topology, target),
        target,
        SqliteJournal(tmp_path / "journal.db"),
        Shelf(),
        renewals=Renewals(every_seconds=3600.0),
    )
    do(made, START)
    return made


def observed(world: World) -> dict[str, str]:
    """As whoever looks sees it; looking also lets time have its effect."""
    memory(world).agents["vm1"].observe()
    return states(world)


def until(world: World) -> float | None:
    return memory(world).agents["vm1"].units["beat.1.1"].rests_until


def test_a_rest_that_nobody_renews_ends_by_itself(world: World, clock: Clock) -> None:
    do(world, REST)
    clock.now += REST_SECONDS - 1
    assert observed(world) == {"beat.1.1": "resting"}
    clock.now += 1
    assert observed(world) == {"beat.1.1": "running"}


def test_it_lasts_for_as_long_as_the_command_lives(world: World, clock: Clock) -> None:
    world = replace(world, renewals=Renewals(every_seconds=0.005))
    do(world, REST)
    for _ in range(3):
        clock.now += REST_SECONDS - 1
        deadline = time.monotonic() + 10
        while until(world) != clock.now + REST_SECONDS:
            assert time.monotonic() < deadline, "it was not renewed"
            time.sleep(0.001)
    world.renewals.close()
    clock.now += REST_SECONDS
    assert observed(world) == {"beat.1.1": "running"}


def test_an_agent_that_is_away_for_a_moment_is_told_again(world: World, clock: Clock) -> None:
    world = replace(world, renewals=Renewals(every_seconds=0.005))
    memory(world).fail("keep_resting", "beat", TargetError("broke off"))
    do(world, REST)
    clock.now += 1
    deadline = time.monotonic() + 10
    while until(world) != clock.now + REST_SECONDS:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    world.renewals.close()


def test_from_the_fence_on_nobody_comes_back(world: World, clock: Clock) -> None:
    world = replace(world, renewals=Renewals(every_seconds=0.005))
    do(world, REST)
    resting.for_good(world)
    renewed = len(memory(world).agents["vm1"].orders)
    deadline = time.monotonic() + 10
    while len(memory(world).agents["vm1"].orders) < renewed + 3:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert until(world) is None, "a renewal has put the bound back"
    world.renewals.close()
    clock.now += 1e9
    assert observed(world) == {"beat.1.1": "resting"}


def test_with_the_fence_gone_the_bound_is_back(world: World, clock: Clock) -> None:
    do(world, REST)
    resting.for_good(world)
    resting.for_now(world)
    world.renewals.close()
    clock.now += REST_SECONDS
    assert observed(world) == {"beat.1.1": "running"}


def test_no_fence_is_set_while_a_worker_works_again(world: World, clock: Clock) -> None:
    do(world, REST)
    clock.now += REST_SECONDS
    with pytest.raises(NotBegun, match=r"beat\.1\.1 works again: this command was silent"):
        resting.for_good(world)


def test_of_a_scheduler_no_second_one_starts_when_the_first_one_works_again(
    world: World, clock: Clock
) -> None:
    do(world, REST)
    clock.now += REST_SECONDS
    with pytest.raises(Exception, match="may not work beside"):
        do(world, st.StartWorkers("vm1/beat", 2, "r2", 1))
    assert states(world) == {"beat.1.1": "running"}


def test_what_was_replaced_is_not_woken(world: World, clock: Clock) -> None:
    do(world, REST, st.StartWorkers("vm1/beat", 2, "r2", 1))
    clock.now += REST_SECONDS
    assert observed(world) == {"beat.1.1": "resting", "beat.2.1": "running"}
    assert until(world) is None
