"""A failover meets a worker whose event loop is blocked: the others hold, and nobody waits for it.

What a command holds, all hold or none: see ``test_local_holding.py``. With uvicorn:
``tests/contract/app_servers/test_deaf.py``.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.hosts import (
    POOL,
    Hosts,
    Request,
    get,
    hosts,
    member,
    serving,
    until,
    worker_status,
)

from tenfold.agent.serving import HOLD_SECONDS
from tenfold.agent.wire import SOCKET_NAME
from tenfold.failover.agent import Agent
from tenfold.targets.local import LocalAgent
from tenfold.wiring import control

pytestmark = pytest.mark.few(1)


@pytest.fixture(scope="module")
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


@pytest.fixture
def agent(host: Hosts) -> Iterator[LocalAgent]:
    agent = host.up()
    yield agent
    order(agent, "release", by="failover")
    for unit in agent.observe().units:
        agent.stop(unit.name)


def order(agent: LocalAgent, given: str, /, **arguments: Any) -> Any:
    """As the keeper gives it."""
    keeper = Agent(Path(agent.paths.run) / SOCKET_NAME)
    return asyncio.run(keeper.order(given, 20.0, pool=POOL, **arguments))


def hold(agent: LocalAgent) -> float:
    """As for a failover; how long it took, in seconds."""
    began = time.monotonic()
    order(agent, "hold", within_seconds=60.0, by="failover")
    return time.monotonic() - began


def states(agent: LocalAgent) -> dict[str, str]:
    return {unit.name: unit.state for unit in agent.observe().units}


def pid(agent: LocalAgent, name: str) -> int:
    unit = agent.observe().unit(name)
    assert unit is not None
    return unit.pid or 0


def block(agent: LocalAgent, endpoint: str, path: str) -> tuple[str, Request]:
    """Have one of the workers blocked by a request to this path; which, and the request."""
    request = Request(endpoint, path)
    port = int(endpoint.rpartition(":")[2])

    def found() -> str | None:
        for name in states(agent):
            sockets = psutil.Process(pid(agent, name)).net_connections("tcp")
            if any(s.laddr.port == port and s.status == "ESTABLISHED" for s in sockets):
                return name
        return None

    name = until(found, "one to be blocked")
    return str(name), request


@pytest.mark.always
def test_the_others_hold_and_it_is_not_waited_for(agent: LocalAgent) -> None:
    endpoint = serving(agent, 2)
    deaf, busy = block(agent, endpoint, "/busy=5")
    (other,) = states(agent).keys() - {deaf}
    assert hold(agent) < HOLD_SECONDS
    assert states(agent) == {deaf: "running", other: "holding"}
    request = Request(endpoint)
    assert request.waits(HOLD_SECONDS + 1.0), "also when the deaf one was given up"
    assert dict(agent.observe().held).keys() == {POOL}
    assert busy.answer().startswith("r1 ")
    until(lambda: states(agent)[deaf] == "holding", "it to hold when it hears again")
    later = Request(endpoint)
    assert later.waits()
    order(agent, "release", by="failover")
    assert request.answer().startswith("r1 ")
    assert later.answer().startswith("r1 ")
    assert set(states(agent).values()) == {"running"}


def test_one_that_is_deaf_still_is_started_anew_and_nobody_waits(agent: LocalAgent) -> None:
    endpoint = serving(agent, 2)
    deaf, busy = block(agent, endpoint, "/busy=60")
    before = pid(agent, deaf)
    hold(agent)
    order(agent, "drained", within_seconds=0.5, by="failover")
    request = Request(endpoint)
    began = time.monotonic()
    order(agent, "refresh", port=5432)
    order(agent, "release", by="failover")
    assert request.answer().startswith("r1 ")
    assert time.monotonic() - began < 30.0, "long before it would have heard"
    until(lambda: pid(agent, deaf) not in (0, before), "another one in its place")
    until(lambda: set(states(agent).values()) == {"running"}, "both to accept")
    assert {unit.restarts for unit in agent.observe().units} == {0}, "it was told to: no crash"
    busy.close()
    assert {get(endpoint).startswith("r1 ") for _ in range(5)} == {True}


def test_the_only_worker_is_deaf(agent: LocalAgent) -> None:
    endpoint = serving(agent, 1)
    deaf, busy = block(agent, endpoint, "/busy=60")
    before = pid(agent, deaf)
    hold(agent)
    request = Request(endpoint)
    assert order(agent, "refresh", port=5432) == {"members": 1, "renewed": 1}
    order(agent, "release", by="failover")
    assert request.answer().startswith("r1 ")
    assert pid(agent, deaf) != before
    busy.close()


def test_one_that_is_blocked_after_it_has_held_is_started_anew(agent: LocalAgent) -> None:
    """What it had in hand at the fault goes on, and blocks."""
    endpoint = serving(agent, 1)
    later = Request(endpoint, "/late=60")
    until(lambda: agent.longest_request(POOL) > 0.0, "the request to be under way")
    hold(agent)
    assert states(agent) == {f"{POOL}.1.0": "holding"}
    until(lambda: not hears(agent, f"{POOL}.1.0"), "it to be blocked")
    before = pid(agent, f"{POOL}.1.0")
    assert order(agent, "refresh", port=5432)["renewed"] == 1
    order(agent, "release", by="failover")
    assert get(endpoint).startswith("r1 ")
    assert pid(agent, f"{POOL}.1.0") != before
    later.close()


def hears(agent: LocalAgent, name: str) -> bool:
    with socket.socket(socket.AF_UNIX) as worker:
        worker.settimeout(1.0)
        worker.connect(f"{agent.paths.run}/{name}.sock")
        worker.sendall(control.encode({"order": control.STATUS}))
        try:
            return bool(worker.recv(1))
        except TimeoutError:
            return False


def test_one_that_declines_keeps_nobody_from_holding(agent: LocalAgent) -> None:
    endpoint = serving(agent)
    agent.start(member(agent, 1, env={"RESTLESS": "1"}))
    agent.handover(POOL, 1)
    hold(agent)
    assert states(agent) == {f"{POOL}.1.0": "holding", f"{POOL}.1.1": "running"}
    order(agent, "refresh", port=5432)
    order(agent, "release", by="failover")
    until(lambda: set(states(agent).values()) == {"running"}, "both to accept")
    assert get(endpoint).startswith("r1 ")


def test_one_that_is_blocked_behind_a_commands_hold_is_not_waited_for(agent: LocalAgent) -> None:
    endpoint = serving(agent, 1)
    later = Request(endpoint, "/late=4")
    until(lambda: agent.longest_request(POOL) > 0.0, "the request to be under way")
    agent.hold(POOL, 60.0)
    until(lambda: not hears(agent, f"{POOL}.1.0"), "it to be blocked")
    assert hold(agent) < HOLD_SECONDS
    assert later.answer().startswith("r1 ")
    until(lambda: worker_status(agent, f"{POOL}.1.0")["gated"], "it to be told all the same")
    agent.release(POOL)
