"""kill -9 of the agent in the middle of a handover: it completes, and nobody is refused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.support.hosts import (
    POOL,
    Hosts,
    Knocker,
    get,
    hosts,
    member,
    serving,
    until,
    worker_status,
)

from tenfold.targets.local import LocalAgent
from tenfold.topology.process import Listen


def two_generations(host: Hosts, drain_seconds: float = 10.0) -> tuple[LocalAgent, str]:
    """The first one accepts, the second one is warm."""
    agent = host.up()
    endpoint = agent.listen([Listen("app", agent.address, 0)])["app"]
    for generation in (1, 2):
        for index in range(2):
            order = member(agent, index, generation=generation, drain_seconds=drain_seconds)
            agent.start(order)
        if generation == 1:
            agent.handover(POOL, 1)
    return agent, endpoint


def states(agent: LocalAgent) -> dict[str, str]:
    return {unit.name: unit.state for unit in agent.observe().units}


DONE = {"app.2.0": "running", "app.2.1": "running"}


@pytest.mark.parametrize("point", ["ordered", "accepted", "drained"])
def test_a_handover_outlives_its_agent(point: str) -> None:
    with hosts({"TENFOLD_PAUSE_AT": f"handover.{point}"}) as host:
        paused = host.root() / "agent" / f"paused.handover.{point}"
        agent = host.up()
        paused.write_text("not at the first handover")
        agent, endpoint = two_generations(host)
        paused.unlink()
        with Knocker(endpoint) as knocker, ThreadPoolExecutor() as pool:
            order = pool.submit(agent.handover, POOL, 2)
            until(paused.exists, f"the agent to pause at {point}")
            host.kill(host.agent_pid())
            order.result(timeout=60)
            assert states(agent) == DONE
        assert knocker.faults == []
        assert get(endpoint).startswith("r2 ")


def test_a_handover_whose_caller_died_completes_all_the_same() -> None:
    with hosts({"TENFOLD_PAUSE_AT": "handover.accepted"}) as host:
        paused = host.root() / "agent" / "paused.handover.accepted"
        host.up()
        paused.write_text("not at the first handover")
        agent, _ = two_generations(host)
        paused.unlink()
        caller = threading.Thread(target=ordered_and_forgotten, args=[agent], daemon=True)
        caller.start()
        until(paused.exists, "the agent to pause")
        host.kill_host()
        caller.join(timeout=60)
        agent = host.up()
        until(lambda: states(agent) == DONE, "the handover to be completed")


def ordered_and_forgotten(agent: LocalAgent) -> None:
    from tenfold.errors import TargetError

    with pytest.raises(TargetError):
        agent.handover(POOL, 2)


def test_a_slow_request_is_finished_although_the_agent_dies_while_it_drains() -> None:
    with hosts() as host, ThreadPoolExecutor() as pool:
        agent, endpoint = two_generations(host)
        slow = pool.submit(get, endpoint, "/slow=4")
        old = [u.pid for u in agent.observe().units if u.generation == 1]
        order = pool.submit(agent.handover, POOL, 2)
        until(lambda: "draining" in states(agent).values(), "an old worker to drain")
        host.kill(host.agent_pid())
        assert int(slow.result(timeout=60).split()[1]) in old
        order.result(timeout=60)
        assert states(agent) == DONE


def test_a_new_generation_that_crashes_after_the_handover_accepts_again() -> None:
    with hosts() as host:
        agent, endpoint = two_generations(host)
        agent.handover(POOL, 2)
        for unit in agent.observe().units:
            assert unit.pid is not None
            host.kill(unit.pid)
        until(lambda: states(agent) == DONE, "both to accept again")
        assert get(endpoint).startswith("r2 ")
        assert {u.restarts for u in agent.observe().units} == {1}


def test_a_worker_that_is_only_tried_takes_no_request() -> None:
    with hosts() as host:
        agent = host.up()
        endpoint = serving(agent)
        tried = replace(member(agent, generation=9), pool=None)
        agent.start(tried)
        assert worker_status(agent, tried.name)["state"] == "warm"
        assert {get(endpoint).split()[0] for _ in range(50)} == {"r1"}
        agent.stop(tried.name)
        assert states(agent) == {"app.1.0": "running"}
