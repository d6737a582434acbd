"""What the failover keeper asks of an agent, beside what commands ask of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.hosts import (
    POOL,
    Hosts,
    Request,
    get,
    hosts,
    member,
    script,
    serving,
    until,
    worker_status,
)

from tenfold.agent.wire import SOCKET_NAME
from tenfold.errors import Refused, StepFailed, TargetError
from tenfold.failover.agent import Agent
from tenfold.targets.local import LocalAgent
from tenfold.topology.process import Listen, UnitOrder

pytestmark = [pytest.mark.engine, pytest.mark.few(3)]

RELAY = """
import os, signal, socket
listener = socket.socket(fileno=int(os.environ["FD"]))
listener.setblocking(True)
while True:
    accepted, _ = listener.accept()
    accepted.sendall(b"here")
    accepted.close()
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Hosts]:
    with hosts() as made:
        made.up()
        yield made


@pytest.fixture
def agent(host: Hosts) -> Iterator[LocalAgent]:
    made = host.up()
    yield made
    for unit in made.observe().units:
        made.stop(unit.name)


def order(agent: LocalAgent, given: str, /, **arguments: Any) -> Any:
    """As the keeper gives it."""
    keeper = Agent(Path(agent.paths.run) / SOCKET_NAME)
    return asyncio.run(keeper.order(given, 20.0, **arguments))


def states(agent: LocalAgent) -> set[str]:
    return {unit.state for unit in agent.observe().units}


def test_what_a_command_holds_the_keeper_neither_extends_nor_releases(agent: LocalAgent) -> None:
    serving(agent, 2)
    agent.hold(POOL, 60.0)
    held = agent.observe().held
    order(agent, "hold", pool=POOL, within_seconds=1.0, by="failover")
    order(agent, "release", pool=POOL, by="failover")
    assert agent.observe().held == held
    assert states(agent) == {"holding"}
    agent.release(POOL)
    assert states(agent) == {"running"}


def test_what_the_keeper_holds_a_command_takes_over(agent: LocalAgent) -> None:
    endpoint = serving(agent, 1)
    order(agent, "hold", pool=POOL, within_seconds=60.0, by="failover")
    request = Request(endpoint)
    assert request.waits()
    agent.hold(POOL, 30.0)
    order(agent, "release", pool=POOL, by="failover")
    assert request.waits()
    agent.release(POOL)
    assert request.answer().startswith("r1 ")


def both_hold(agent: LocalAgent, *, command: float = 60.0, keeper: float = 60.0) -> None:
    """Leaders are being changed behind a command's hold, and the keeper sees that nobody leads."""
    agent.hold(POOL, command)
    order(agent, "hold", pool=POOL, within_seconds=keeper, by="failover")


def test_a_command_that_lets_go_before_somebody_leads_leaves_the_keepers_hold(
    agent: LocalAgent,
) -> None:
    endpoint = serving(agent, 2)
    before = {unit.name: unit.pid for unit in agent.observe().units}
    both_hold(agent)
    request = Request(endpoint)
    agent.release(POOL)
    agent.release(POOL)
    assert request.waits(0.5)
    assert states(agent) == {"holding"}
    assert all(worker_status(agent, name)["gated"] for name in before)
    with pytest.raises(StepFailed, match="is not held"):
        agent.drained(POOL, 1.0)
    assert agent.refresh(POOL, 5432)["renewed"] == 2, "as of whoever accepts nothing"
    assert request.waits()
    order(agent, "release", pool=POOL, by="failover")
    assert request.answer().startswith("r1 ")
    assert agent.observe().held == ()


def test_a_keeper_that_lets_go_leaves_the_commands_hold(agent: LocalAgent) -> None:
    endpoint = serving(agent, 1)
    both_hold(agent)
    assert worker_status(agent, f"{POOL}.1.0")["gated"]
    order(agent, "release", pool=POOL, by="failover")
    request = Request(endpoint)
    assert request.waits()
    assert not worker_status(agent, f"{POOL}.1.0")["gated"]
    agent.release(POOL)
    assert request.answer().startswith("r1 ")


@pytest.mark.parametrize(("command", "keeper"), [(0.5, 60.0), (60.0, 0.5)])
def test_the_hold_of_one_whose_time_is_up_leaves_the_others(
    agent: LocalAgent, command: float, keeper: float
) -> None:
    endpoint = serving(agent, 1)
    both_hold(agent, command=command, keeper=keeper)
    gated = keeper > command
    until(lambda: worker_status(agent, f"{POOL}.1.0")["gated"] == gated, "the first to be over")
    request = Request(endpoint)
    assert request.waits(0.7)
    if gated:
        order(agent, "release", pool=POOL, by="failover")
    else:
        agent.release(POOL)
    assert request.answer().startswith("r1 ")


def test_two_holds_whose_time_is_up_are_over(agent: LocalAgent) -> None:
    endpoint = serving(agent, 1)
    both_hold(agent, command=0.4, keeper=0.8)
    request = Request(endpoint)
    assert request.answer().startswith("r1 ")
    until(lambda: states(agent) == {"running"}, "it to accept again")
    assert agent.observe().held == ()


def test_what_the_keeper_holds_it_releases(agent: LocalAgent) -> None:
    serving(agent, 2)
    order(agent, "hold", pool=POOL, within_seconds=60.0, by="failover")
    assert states(agent) == {"holding"}
    order(agent, "release", pool=POOL, by="failover")
    assert states(agent) == {"running"}
    assert agent.observe().held == ()


def test_what_never_ends_goes_on_while_the_keeper_holds(agent: LocalAgent) -> None:
    endpoint = serving(agent, 1)
    stream, slow = Request(endpoint, "/endless"), Request(endpoint, "/slow=1")
    until(lambda: worker_status(agent, f"{POOL}.1.0")["active"] == 2, "both to have begun")
    order(agent, "hold", pool=POOL, within_seconds=60.0, by="failover")
    order(agent, "drained", pool=POOL, within_seconds=20.0, by="failover")
    assert slow.answer().startswith("r1 "), "what has an end was waited for"
    assert stream.waits()
    order(agent, "release", pool=POOL, by="failover")
    assert stream.waits()
    stream.close()


def test_a_member_that_cannot_refresh_is_started_anew_where_it_is_held(agent: LocalAgent) -> None:
    """The small worker of these tests knows no such order."""
    endpoint = serving(agent, 2)
    before = {unit.name: unit.pid for unit in agent.observe().units}
    assert order(agent, "refresh", pool=POOL, port=5432) == {"members": 2, "renewed": 0}
    assert {unit.name: unit.pid for unit in agent.observe().units} == before, "not held, so left"

    agent.hold(POOL, 60.0)
    request = Request(endpoint)
    assert agent.refresh(POOL, 5432) == {"members": 2, "renewed": 2}
    after = agent.observe().units
    assert all(unit.pid != before[unit.name] for unit in after)
    assert {unit.restarts for unit in after} == {0}, "it was told to end: no crash"
    assert states(agent) == {"holding"}
    assert request.waits()
    agent.release(POOL)
    assert request.answer().startswith("r1 ")


def test_a_pool_whose_database_has_no_leader_is_not_handed_over(agent: LocalAgent) -> None:
    """A deploy that meets a failover: its workers would accept, and fail every request."""
    endpoint = serving(agent, 1)
    agent.start(member(agent, generation=2))
    order(agent, "hold", pool=POOL, within_seconds=60.0, by="failover")
    with ThreadPoolExecutor() as pool:
        handover = pool.submit(agent.handover, POOL, 2)
        request = Request(endpoint)
        assert request.waits(0.5)
        assert agent.refresh(POOL, 5432) == {"members": 2, "renewed": 2}, "the warm one as well"
        assert not handover.done()
        order(agent, "release", pool=POOL, by="failover")
        handover.result(30)
    assert request.answer().startswith(("r1 ", "r2 "))
    assert get(endpoint).startswith("r2 ")


def relay() -> UnitOrder:
    made = script("relay", RELAY, sockets=("relay",), env={"FD": "{fd:relay}"})
    return UnitOrder(made.name, made.engine, made.launch, background=True)


def test_connections_wait_while_an_endpoint_rests(agent: LocalAgent) -> None:
    address = agent.listen([Listen("relay", agent.address, 0)])["relay"]
    agent.start(relay())
    host, _, port = address.rpartition(":")
    order(agent, "rest", name="relay", within_seconds=1.0, kills=True, lasts_seconds=60.0)
    assert states(agent) == {"resting"}
    with socket.create_connection((host, int(port)), timeout=30) as waiting:
        order(agent, "wake", name="relay")
        assert waiting.recv(4) == b"here"


def test_an_endpoint_that_nobody_wakes_is_there_again_when_its_time_is_up(
    agent: LocalAgent,
) -> None:
    agent.listen([Listen("relay", agent.address, 0)])
    agent.start(relay())
    order(agent, "rest", name="relay", within_seconds=1.0, kills=True, lasts_seconds=0.5)
    until(lambda: states(agent) == {"running"}, "it to work again")


def test_faults_are_raised_as_what_they_are(agent: LocalAgent) -> None:
    serving(agent, 1)
    with pytest.raises(Refused, match="serves requests"):
        order(agent, "rest", name=f"{POOL}.1.0", within_seconds=1.0, kills=True)
    with pytest.raises(TargetError, match="no order"):
        order(agent, "elope")
