"""Who comes while no worker comes up: taken for a moment, then left to another zone."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from tests.support.hosts import POOL, Hosts, Request, get, hosts, member, until

from tenfold.targets.local import LocalAgent
from tenfold.topology.process import Listen

pytestmark = [pytest.mark.engine, pytest.mark.few(0)]


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


def serving(agent: LocalAgent, *, gives_way: bool) -> str:
    endpoint = agent.listen([Listen("app", agent.address, 0, gives_way=gives_way)])["app"]
    agent.start(member(agent))
    agent.handover(POOL, 1)
    return endpoint


def is_let_in(endpoint: str) -> bool:
    """Whether the kernel takes a connection there within a second, as an edge tries it."""
    address, _, port = endpoint.rpartition(":")
    with socket.socket() as trial:
        trial.settimeout(1.0)
        return trial.connect_ex((address, int(port))) == 0


def come_back(agent: LocalAgent) -> None:
    agent.start(member(agent))
    agent.handover(POOL, 1)


def test_who_waits_is_served_by_whoever_comes_back_and_nobody_more_is_let_in(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, gives_way=True)
    assert get(endpoint).startswith("r1 ")
    agent.stop(f"{POOL}.1.0")
    waiting = [Request(endpoint) for _ in range(3)]
    until(lambda: not is_let_in(endpoint), "the queue to take no more")
    come_back(agent)
    until(lambda: is_let_in(endpoint), "the queue to take connections again")
    assert all(request.answer().startswith("r1 ") for request in waiting)
    assert get(endpoint).startswith("r1 ")


def test_a_successor_of_the_agent_sees_it_too(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, gives_way=True)
    agent.stop(f"{POOL}.1.0")
    waiting = Request(endpoint)
    until(lambda: not is_let_in(endpoint), "the queue to take no more")
    host.kill(host.agent_pid())
    until(lambda: not is_let_in(endpoint), "its successor to leave it so")
    come_back(agent)
    assert waiting.answer().startswith("r1 ")
    until(lambda: is_let_in(endpoint), "the queue to take connections again")


def test_who_is_held_waits(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, gives_way=True)
    agent.hold(POOL, 5.0)
    requests = [Request(endpoint)]
    while agent.observe().held:
        requests.append(Request(endpoint))
        assert requests[-1].waits(0.2) or not agent.observe().held
    assert all(request.answer().startswith("r1 ") for request in requests)


def test_without_another_zone_everybody_waits(host: Hosts) -> None:
    agent = host.up()
    endpoint = serving(agent, gives_way=False)
    agent.stop(f"{POOL}.1.0")
    waiting = [Request(endpoint)]
    for _ in range(20):
        assert waiting[-1].waits(0.2)
        waiting.append(Request(endpoint))
    come_back(agent)
    assert all(request.answer().startswith("r1 ") for request in waiting)
