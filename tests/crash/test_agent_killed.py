"""kill -9 of agent, keeper, or both: units run on, and no connection is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.hosts import POOL, Hosts, Knocker, get, hosts, member, until

from tenfold.targets.local import LocalAgent
from tenfold.topology.process import Listen


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


def serving(host: Hosts) -> tuple[LocalAgent, str]:
    """A pool of two that accepts."""
    agent = host.up()
    endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
    for index in range(2):
        agent.start(member(agent, index))
    agent.handover(POOL, 1)
    return agent, endpoint


def pids(agent: LocalAgent) -> dict[str, int | None]:
    return {unit.name: unit.pid for unit in agent.observe().units}


def test_units_run_on_and_are_adopted_when_the_agent_is_killed(host: Hosts) -> None:
    agent, endpoint = serving(host)
    before, old = pids(agent), host.agent_pid()
    with Knocker(endpoint) as knocker:
        host.kill(old)
        until(lambda: host.agent_pid() != old, "a successor")
        assert pids(agent) == before
        until(lambda: {u.state for u in agent.observe().units} == {"running"}, "all to be running")
    assert knocker.faults == []
    assert knocker.answers


def test_a_killed_keeper_is_replaced_and_holds_the_sockets_again(host: Hosts) -> None:
    agent, endpoint = serving(host)
    before = pids(agent)
    with Knocker(endpoint) as knocker:
        for _ in range(3):
            keeper = host.keeper_pid()
            host.kill(keeper)
            until(lambda keeper=keeper: another(host, keeper), "another keeper")
        agent_pid = host.agent_pid()
        host.kill(agent_pid)
        until(lambda: host.agent_pid() != agent_pid, "a successor")
        assert pids(agent) == before
    assert knocker.faults == []


def another(host: Hosts, keeper: int) -> bool:
    try:
        return host.keeper_pid() != keeper
    except StopIteration:
        return False


def test_a_host_whose_agent_and_keeper_were_killed_adopts_its_units(host: Hosts) -> None:
    agent, endpoint = serving(host)
    before = pids(agent)
    with Knocker(endpoint) as knocker:
        host.kill_host()
        assert host.target.reach("vm1") is None
        agent = host.up()
        assert pids(agent) == before
        assert dict(agent.observe().sockets) == {"app": endpoint}
        until(lambda: {u.state for u in agent.observe().units} == {"running"}, "all to be running")
    assert knocker.faults == []
    agent.start(member(agent, generation=2))
    agent.handover(POOL, 2)
    assert get(endpoint).startswith("r2 ")


def test_units_killed_together_with_their_agent_come_back(host: Hosts) -> None:
    agent, endpoint = serving(host)
    before = pids(agent)
    victims = [pid for pid in before.values() if pid is not None]
    host.kill_host()
    for pid in victims:
        host.kill(pid)
    agent = host.up()
    until(lambda: {u.state for u in agent.observe().units} == {"running"}, "all to be running")
    assert get(endpoint).startswith("r1 ")
    assert not set(victims) & set(pids(agent).values())


def test_a_socket_that_cannot_be_had_back_is_bound_anew_with_fresh_units(host: Hosts) -> None:
    """As where the kernel lets nobody copy descriptors (Yama): units are ended in order."""
    agent = host.up()
    endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
    agent.start(member(agent, env={"PRIVATE": "1"}))
    agent.handover(POOL, 1)
    before = pids(agent)
    host.kill_host()
    agent = host.up()
    until(lambda: {u.state for u in agent.observe().units} == {"running"}, "it to accept again")
    assert pids(agent) != before
    assert dict(agent.observe().sockets) == {"app": endpoint}
    assert get(endpoint).startswith("r1 ")


def test_keeper_and_agent_are_small(host: Hosts) -> None:
    """Proportional set size after some work, in MiB; measured 6 and 15."""
    agent, _ = serving(host)
    agent.start(member(agent, generation=2))
    agent.handover(POOL, 2)
    assert pss_mib(host.keeper_pid()) < 10
    assert pss_mib(host.agent_pid()) < 25


def pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
