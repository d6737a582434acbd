"""Holding a pool of real workers: who waits, for how long at most, and what ends it."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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

from tenfold.errors import StepFailed, UnitFailed
from tenfold.targets.local import LocalAgent


@pytest.fixture(scope="module")
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


@pytest.fixture
def agent(host: Hosts) -> Iterator[LocalAgent]:
    agent = host.up()
    yield agent
    agent.release(POOL)
    for unit in agent.observe().units:
        agent.stop(unit.name)


def states(agent: LocalAgent) -> dict[str, str]:
    return {unit.name: unit.state for unit in agent.observe().units}


def diary(agent: LocalAgent) -> str:
    return (Path(agent.paths.logs) / "agent.log").read_text()


def active(agent: LocalAgent, name: str = "app.1.0") -> int:
    return int(worker_status(agent, name)["active"])


class TestHolding:
    def test_requests_wait_and_are_answered_after_the_release(self, agent: LocalAgent) -> None:
        endpoint = serving(agent, 2)
        agent.hold(POOL, 60.0)
        assert set(states(agent).values()) == {"holding"}
        requests = [Request(endpoint) for _ in range(5)]
        assert all(request.waits() for request in requests)
        agent.release(POOL)
        assert set(states(agent).values()) == {"running"}
        assert all(request.answer().startswith("r1 ") for request in requests)
        assert agent.observe().held == ()

    def test_it_ends_by_itself_when_nobody_releases_it(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        agent.hold(POOL, 1.0)
        held_until = dict(agent.observe().held)[POOL]
        request = Request(endpoint)
        assert request.answer().startswith("r1 ")
        assert held_until - 0.1 <= time.time() <= held_until + 10
        until(lambda: states(agent) == {"app.1.0": "running"}, "it to accept again")
        assert agent.observe().held == ()
        assert "app was held for as long as it may be, and nobody released it" in diary(agent)

    def test_holding_again_extends_it(self, agent: LocalAgent) -> None:
        serving(agent)
        agent.hold(POOL, 0.5)
        first = dict(agent.observe().held)[POOL]
        agent.hold(POOL, 60.0)
        until(lambda: time.time() > first, "the first bound to be over")
        assert states(agent) == {"app.1.0": "holding"}

    def test_a_member_that_crashes_comes_back_and_holds(self, agent: LocalAgent) -> None:
        endpoint = serving(agent, 2)
        agent.hold(POOL, 60.0)
        victim = agent.observe().unit("app.1.1")
        assert victim is not None
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)
        until(lambda: agent.observe().units[1].restarts == 1, "a restart")
        until(lambda: set(states(agent).values()) == {"holding"}, "it to hold")
        assert worker_status(agent, "app.1.1")["state"] == "warm"
        request = Request(endpoint)
        assert request.waits()
        agent.drained(POOL, 10.0)
        agent.release(POOL)
        assert request.answer().startswith("r1 ")
        assert worker_status(agent, "app.1.1")["state"] == "accepting"

    def test_when_one_member_cannot_all_accept_again(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        agent.start(member(agent, 1, env={"RESTLESS": "1"}))
        agent.handover(POOL, 1)
        with pytest.raises(StepFailed, match=r"app cannot be held: app\.1\.1 on vm1 does not"):
            agent.hold(POOL, 60.0)
        assert set(states(agent).values()) == {"running"}
        assert worker_status(agent, "app.1.0")["state"] == "accepting"
        assert agent.observe().held == ()
        assert get(endpoint).startswith("r1 ")

    def test_what_is_endless_is_closed_at_once(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        endless = Request(endpoint, "/endless")
        until(lambda: active(agent) == 1, "the request to be under way")
        agent.hold(POOL, 60.0)
        agent.drained(POOL, 10.0)
        assert endless.answer().startswith("r1 ")

    def test_it_waits_for_a_generation_that_still_drains(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        slow = Request(endpoint, "/slow=1")
        until(lambda: active(agent) == 1, "the request to be under way")
        agent.start(member(agent, generation=2))
        with ThreadPoolExecutor() as pool:
            handover = pool.submit(agent.handover, POOL, 2)
            until(lambda: states(agent).get("app.1.0") == "draining", "the old one to drain")
            agent.hold(POOL, 60.0)
            assert states(agent) == {"app.2.0": "holding"}
            handover.result(timeout=30)
        assert slow.answer().startswith("r1 ")

    def test_it_fails_while_a_generation_drains_for_too_long(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        slow = Request(endpoint, "/slow=3")
        until(lambda: active(agent) == 1, "the request to be under way")
        agent.start(member(agent, generation=2))
        with ThreadPoolExecutor() as pool:
            handover = pool.submit(agent.handover, POOL, 2)
            until(lambda: states(agent).get("app.1.0") == "draining", "the old one to drain")
            with pytest.raises(StepFailed, match="workers of app that are being replaced"):
                agent.hold(POOL, 0.2)
            assert agent.observe().held == ()
            assert slow.answer().startswith("r1 ")
            handover.result(timeout=30)

    def test_where_nobody_accepts_nothing_is_held(self, agent: LocalAgent) -> None:
        with pytest.raises(UnitFailed, match="no workers of app that accept"):
            agent.hold(POOL, 60.0)
        assert agent.observe().held == ()


class TestDraining:
    def test_it_returns_as_soon_as_the_last_request_is_answered(self, agent: LocalAgent) -> None:
        endpoint = serving(agent, 2)
        slow = Request(endpoint, "/slow=0.5")
        until(lambda: active(agent) + active(agent, "app.1.1") == 1, "it to be under way")
        agent.hold(POOL, 60.0)
        agent.drained(POOL, 30.0)
        assert not slow.waits()
        assert slow.answer().startswith("r1 ")

    def test_what_still_runs_is_counted_and_its_age_is_told(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        slow = [Request(endpoint, "/slow=2") for _ in range(2)]
        until(lambda: active(agent) == 2, "both to be under way")
        agent.hold(POOL, 60.0)
        with pytest.raises(StepFailed) as failure:
            agent.drained(POOL, 0.3)
        assert "app has not finished within 0.3 s: 2 requests still run" in failure.value.what
        assert states(agent) == {"app.1.0": "holding"}
        agent.drained(POOL, 30.0)
        assert all(request.answer() for request in slow)

    def test_an_idle_connection_counts(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        address, _, port = endpoint.rpartition(":")
        with socket.create_connection((address, int(port))):
            until(lambda: worker_status(agent, "app.1.0")["idle"] == 1, "it to be accepted")
            agent.hold(POOL, 60.0)
            with pytest.raises(StepFailed, match="connections are still open: 1"):
                agent.drained(POOL, 0.1)
        agent.drained(POOL, 10.0)

    def test_a_member_that_dies_has_nothing_left(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        slow = Request(endpoint, "/slow=60")
        until(lambda: active(agent) == 1, "the request to be under way")
        agent.hold(POOL, 60.0)
        with ThreadPoolExecutor() as pool:
            drained = pool.submit(agent.drained, POOL, 60.0)
            pid = agent.observe().units[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            drained.result(timeout=30)
        slow.close()

    def test_what_is_not_held_is_never_drained(self, agent: LocalAgent) -> None:
        serving(agent)
        with pytest.raises(StepFailed, match="app is not held on vm1"):
            agent.drained(POOL, 10.0)

    def test_a_hold_that_ends_meanwhile_is_no_success(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        slow = Request(endpoint, "/slow=2")
        until(lambda: active(agent) == 1, "the request to be under way")
        agent.hold(POOL, 0.5)
        with pytest.raises(StepFailed, match="app is not held on vm1"):
            agent.drained(POOL, 60.0)
        assert slow.answer().startswith("r1 ")


class TestHandingOver:
    def test_the_new_generation_answers_whoever_waited(self, agent: LocalAgent) -> None:
        endpoint = serving(agent, 2)
        agent.start(member(agent, generation=2))
        agent.hold(POOL, 60.0)
        requests = [Request(endpoint) for _ in range(5)]
        agent.handover(POOL, 2)
        assert all(request.answer().startswith("r2 ") for request in requests)
        assert states(agent) == {"app.2.0": "running"}
        assert agent.observe().held == ()

    def test_a_generation_that_cannot_accept_leaves_the_old_one_holding(
        self, agent: LocalAgent
    ) -> None:
        endpoint = serving(agent)
        agent.start(member(agent, generation=2, env={"DEAF": "1"}))
        agent.hold(POOL, 60.0)
        request = Request(endpoint)
        with pytest.raises(StepFailed, match="did not accept") as failure:
            agent.handover(POOL, 2)
        assert failure.value.changed == "nothing for users: they wait as before"
        assert states(agent) == {"app.1.0": "holding"}
        assert [pool for pool, _ in agent.observe().held] == [POOL]
        assert request.waits()
        agent.release(POOL)
        assert request.answer().startswith("r1 ")

    def test_to_the_held_generation_itself_is_a_release(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        agent.hold(POOL, 60.0)
        request = Request(endpoint)
        agent.handover(POOL, 1)
        assert request.answer().startswith("r1 ")
        assert agent.observe().held == ()


class TestSettling:
    def test_it_returns_when_idle_connections_are_gone(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        address, _, port = endpoint.rpartition(":")
        with ThreadPoolExecutor() as pool:
            with socket.create_connection((address, int(port))):
                until(lambda: worker_status(agent, "app.1.0")["idle"] == 1, "it to be accepted")
                settling = pool.submit(agent.settle, POOL, 60.0)
                until(lambda: worker_status(agent, "app.1.0")["settled"], "it to be told")
                assert not settling.done()
            settling.result(timeout=30)
        assert states(agent) == {"app.1.0": "running"}
        assert get(endpoint).startswith("r1 ")

    def test_past_its_time_it_returns_all_the_same(self, agent: LocalAgent) -> None:
        endpoint = serving(agent)
        address, _, port = endpoint.rpartition(":")
        with socket.create_connection((address, int(port))):
            until(lambda: worker_status(agent, "app.1.0")["idle"] == 1, "it to be accepted")
            agent.settle(POOL, 0.1)
        assert worker_status(agent, "app.1.0")["settled"]

    def test_a_release_ends_it(self, agent: LocalAgent) -> None:
        serving(agent)
        agent.settle(POOL, 10.0)
        agent.release(POOL)
        assert not worker_status(agent, "app.1.0")["settled"]


def test_the_longest_request_is_that_of_any_member(agent: LocalAgent) -> None:
    endpoint = serving(agent, 2)
    assert agent.longest_request(POOL) == 0.0
    slow = Request(endpoint, "/slow=2")
    until(lambda: agent.longest_request(POOL) > 0.5, "a request to be half a second old")
    assert slow.answer().startswith("r1 ")
    until(lambda: agent.longest_request(POOL) == 0.0, "it to be over")


def test_a_hold_begins_in_a_lull_if_there_is_one_in_time(agent: LocalAgent) -> None:
    endpoint = serving(agent, 2)
    slow = Request(endpoint, "/slow=1")
    until(lambda: agent.longest_request(POOL) > 0.0, "the request to be under way")
    agent.hold(POOL, 60.0, lull_seconds=30.0)
    agent.drained(POOL, 0.5)
    assert slow.answer().startswith("r1 ")
    agent.release(POOL)
    slow = Request(endpoint, "/slow=2")
    until(lambda: agent.longest_request(POOL) > 0.0, "the request to be under way")
    agent.hold(POOL, 60.0, lull_seconds=0.2)
    with pytest.raises(StepFailed, match="1 request still runs"):
        agent.drained(POOL, 0.1)
    agent.release(POOL)
    assert slow.answer().startswith("r1 ")


def test_releasing_what_nobody_holds_is_fine(agent: LocalAgent) -> None:
    agent.release(POOL)
    serving(agent)
    agent.release(POOL)
    assert states(agent) == {"app.1.0": "running"}


def test_a_host_that_was_shut_down_while_it_held_begins_without_a_hold(host: Hosts) -> None:
    agent = host.up("other")
    endpoint = serving(agent)
    agent.hold(POOL, 60.0)
    agent.shutdown()
    agent = host.up("other")
    assert agent.observe().held == ()
    assert serving(agent) == endpoint
    assert get(endpoint).startswith("r1 ")
