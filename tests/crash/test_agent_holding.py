"""kill -9 while a pool is held: the hold goes on, and so does its bound."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.hosts import (
    POOL,
    Hosts,
    Request,
    hosts,
    member,
    serving,
    until,
    worker_status,
)

from tenfold.agent.held import FAILOVER
from tenfold.agent.wire import SOCKET_NAME, line
from tenfold.errors import StepFailed
from tenfold.failover.agent import Agent
from tenfold.targets.local import LocalAgent
from tenfold.topology.model import Host


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


def states(agent: LocalAgent) -> set[str]:
    return {unit.state for unit in agent.observe().units}


def replace_agent(host: Hosts) -> None:
    old = host.agent_pid()
    host.kill(old)
    until(lambda: host.agent_pid() != old, "a successor")


def test_a_successor_goes_on_with_the_hold_and_ends_it_in_time(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, 2)
    agent.hold(POOL, 4.0)
    held = agent.observe().held
    request = Request(endpoint)
    replace_agent(host)
    assert agent.observe().held == held
    until(lambda: states(agent) == {"holding"}, "all to hold on")
    assert request.answer().startswith("r1 ")
    assert held[0][1] - 0.1 <= time.time() <= held[0][1] + 10
    until(lambda: states(agent) == {"running"}, "all to accept again")
    assert agent.observe().held == ()


def test_a_successor_releases(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, 2)
    agent.hold(POOL, 60.0)
    request = Request(endpoint)
    replace_agent(host)
    agent.drained(POOL, 10.0)
    agent.release(POOL)
    assert request.answer().startswith("r1 ")
    assert states(agent) == {"running"}


def keepers(agent: LocalAgent, given: str, **arguments: Any) -> None:
    """An order of the failover keeper's."""
    keeper = Agent(Path(agent.paths.run) / SOCKET_NAME)
    asyncio.run(keeper.order(given, 20.0, pool=POOL, by=FAILOVER, **arguments))


def test_a_successor_knows_of_the_keepers_hold_behind_a_commands(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, 2)
    agent.hold(POOL, 60.0)
    keepers(agent, "hold", within_seconds=60.0)
    request = Request(endpoint)
    replace_agent(host)
    agent.release(POOL)
    assert request.waits(0.5)
    assert states(agent) == {"holding"}
    keepers(agent, "release")
    assert request.answer().startswith("r1 ")


def test_a_commands_hold_that_is_over_when_a_successor_comes_leaves_the_keepers(
    host: Hosts,
) -> None:
    agent = host.up()
    endpoint = serving(agent)
    agent.hold(POOL, 1.0)
    keepers(agent, "hold", within_seconds=60.0)
    held_until = agent.observe().held[0][1] - 59.0
    host.kill_host()
    until(lambda: time.time() > held_until, "the command's bound to be over")
    agent = host.up()
    request = Request(endpoint)
    assert request.waits(0.5)
    keepers(agent, "release")
    assert request.answer().startswith("r1 ")


def test_an_agent_that_dies_while_the_keepers_hold_takes_over_has_a_successor_that_holds() -> None:
    with hosts({"TENFOLD_PAUSE_AT": "hold.left"}) as host:
        agent = host.up()
        endpoint = serving(agent, 2)
        agent.hold(POOL, 60.0)
        keepers(agent, "hold", within_seconds=60.0)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(f"{agent.paths.run}/agent.sock")
            caller.sendall(line({"order": "release", "pool": POOL}))
            until((host.root() / "agent/paused.hold.left").exists, "the agent to pause")
        replace_agent(host)
        until(lambda: worker_status(agent, f"{POOL}.1.0")["gated"], "members to be told")
        request = Request(endpoint)
        assert request.waits()
        keepers(agent, "release")
        assert request.answer().startswith("r1 ")


def test_an_agent_that_dies_before_members_are_told_has_a_successor_that_tells_them() -> None:
    with hosts({"TENFOLD_PAUSE_AT": "hold.kept"}) as host:
        agent = host.up()
        endpoint = serving(agent, 2)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(f"{agent.paths.run}/agent.sock")
            caller.sendall(line({"order": "hold", "pool": POOL, "within_seconds": 60.0}))
            until((host.root() / "agent/paused.hold.kept").exists, "the agent to pause")
        assert states(agent) == {"running"}
        replace_agent(host)
        until(lambda: states(agent) == {"holding"}, "the successor to have told all")
        request = Request(endpoint)
        assert request.waits()
        agent.release(POOL)
        assert request.answer().startswith("r1 ")


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """It hears nothing meanwhile, no signal to end either."""
    process = psutil.Process(pid)
    process.suspend()
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def test_one_that_did_not_hear_is_told_by_a_successor_until_it_holds(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, 1)
    unit = agent.observe().units[0]
    with stopped(unit.pid or 0):
        keepers(agent, "hold", within_seconds=60.0)
        replace_agent(host)
        until(lambda: states(agent) == {"running"}, "the successor to have asked it once")
    until(lambda: states(agent) == {"holding"}, "it to hold when it hears again")
    request = Request(endpoint)
    assert request.waits()
    keepers(agent, "release")
    assert request.answer().startswith("r1 ")
    assert agent.observe().units[0].pid == unit.pid


def test_one_that_was_to_be_replaced_and_hears_no_signal_is_killed_by_a_successor(
    host: Hosts,
) -> None:
    agent = host.up()
    endpoint = serving(agent, 1)
    unit = agent.observe().units[0]
    with stopped(unit.pid or 0):
        keepers(agent, "hold", within_seconds=60.0)
        asyncio.run(
            Agent(Path(agent.paths.run) / SOCKET_NAME).order("refresh", 20.0, pool=POOL, port=5432)
        )
        replace_agent(host)
        until(lambda: agent.observe().units[0].pid not in (None, unit.pid), "another one")
    keepers(agent, "release")
    request = Request(endpoint)
    assert request.answer().startswith("r1 ")
    until(lambda: states(agent) == {"running"}, "it to accept")
    assert agent.observe().units[0].restarts == 0, "it was told to: no crash"


def test_members_killed_while_they_hold_come_back_and_hold(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, 2)
    agent.hold(POOL, 60.0)
    for unit in agent.observe().units:
        assert unit.pid is not None
        host.kill(unit.pid)
    until(lambda: {u.restarts for u in agent.observe().units} == {1}, "restarts")
    until(lambda: states(agent) == {"holding"}, "both to hold")
    request = Request(endpoint)
    assert request.waits()
    replace_agent(host)
    assert request.waits()
    agent.release(POOL)
    assert request.answer().startswith("r1 ")


def test_a_hold_whose_time_went_by_while_nobody_lived_is_over(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent)
    agent.hold(POOL, 1.0)
    request = Request(endpoint)
    held_until = agent.observe().held[0][1]
    host.kill_host()
    until(lambda: time.time() > held_until, "the bound to be over")
    assert request.waits()
    agent = host.up()
    assert request.answer().startswith("r1 ")
    assert agent.observe().held == ()


HOUR_SECONDS = 3600.0


def misdate(host: Hosts, seconds: float, *, forget: bool) -> None:
    """Have the record of the hold as if the clock had been set by so much since it was written.

    ``forget``: as an agent wrote it that knew the clock of the wall alone.
    """
    path = host.root() / "agent" / "holds" / f"{POOL}.json"
    record = json.loads(path.read_text())
    record["until"] += seconds
    if forget:
        record = {k: v for k, v in record.items() if k not in ("deadline", "by", "behind")}
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("seconds", "forget"),
    [(HOUR_SECONDS, False), (HOUR_SECONDS, True), (-HOUR_SECONDS, False)],
    ids=["set back", "set back, an older record", "set forward"],
)
def test_a_clock_that_is_set_neither_lengthens_nor_shortens_a_hold(
    host: Hosts, seconds: float, forget: bool
) -> None:
    agent = host.up()
    endpoint = serving(agent, 2)
    agent.hold(POOL, 6.0)
    began = time.monotonic()
    misdate(host, seconds, forget=forget)
    replace_agent(host)
    adopted = time.monotonic()
    until(lambda: states(agent) == {"holding"}, "all to hold on")
    ((_, told),) = agent.observe().held
    assert time.time() < told <= time.time() + 6.0
    request = Request(endpoint)
    assert request.waits()
    assert request.answer().startswith("r1 ")
    ended = time.monotonic()
    assert ended - began >= 5.9
    assert ended - adopted < 6.0 + 5.0
    until(lambda: states(agent) == {"running"}, "all to accept again")
    assert agent.observe().held == ()


def test_a_hold_that_an_older_agent_wrote_and_whose_time_is_over_is_told(host: Hosts) -> None:
    """By the wall's clock alone nobody can know better; whoever waits for the hold hears of it."""
    agent = host.up()
    serving(agent)
    agent.hold(POOL, 60.0)
    misdate(host, -HOUR_SECONDS, forget=True)
    replace_agent(host)
    until(lambda: states(agent) == {"running"}, "it to accept again")
    with pytest.raises(StepFailed, match="is not held"):
        agent.drained(POOL, 1.0)
    assert "was to be held until" in (host.root() / "logs" / "agent.log").read_text()


@pytest.mark.parametrize("point", ["ordered", "accepted"])
def test_a_handover_of_a_held_pool_outlives_its_agent(point: str) -> None:
    with hosts({"TENFOLD_PAUSE_AT": f"handover.{point}"}) as host:
        paused = host.root() / "agent" / f"paused.handover.{point}"
        agent = host.up()
        paused.write_text("not at the first handover")
        endpoint = serving(agent)
        agent.start(member(agent, generation=2))
        paused.unlink()
        agent.hold(POOL, 60.0)
        requests = [Request(endpoint) for _ in range(5)]
        with ThreadPoolExecutor() as pool:
            order = pool.submit(agent.handover, POOL, 2)
            until(paused.exists, f"the agent to pause at {point}")
            host.kill(host.agent_pid())
            order.result(timeout=60)
        assert all(request.answer().startswith("r2 ") for request in requests)
        assert states(agent) == {"running"}
        assert agent.observe().held == ()


def test_a_claimed_epoch_outlives_its_agent(host: Hosts) -> None:
    old, new = host.target.with_epoch(4), host.target.with_epoch(5)
    new.ensure(Host("vm1")).claim(5)
    replace_agent(host)
    with pytest.raises(StepFailed, match="another command has taken over"):
        old.ensure(Host("vm1")).release(POOL)
    new.ensure(Host("vm1")).release(POOL)
