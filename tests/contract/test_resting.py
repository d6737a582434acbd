"""Background workers that are to rest: told once, never cut off unasked, kept down until woken."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.hosts import Hosts, hosts, script, until

from tenfold.errors import Refused, StepFailed
from tenfold.targets.local import LocalAgent
from tenfold.topology.process import Probe, Stop, UnitOrder

WORKER = """
import os, signal, time
told = 0
def tell(*_):
    global told
    told += 1
    print("told", told, flush=True)
signal.signal(signal.SIGTERM, tell)
print("works", flush=True)
while not told or os.path.exists(os.environ["BUSY"]):
    time.sleep(0.01)
print("has finished", flush=True)
"""


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


@pytest.fixture
def busy(host: Hosts) -> Path:
    """While this file exists, the worker has a job in hand; where whoever it runs as can look."""
    return host.state / "busy"


@pytest.fixture
def agent(host: Hosts, busy: Path) -> LocalAgent:
    """A worker runs."""
    agent = host.up()
    agent.start(worker(busy))
    until(lambda: said(host) == ["works"], "the worker to work")
    return agent


def worker(busy: Path, drain_seconds: float = 30.0) -> UnitOrder:
    order = script(
        "mail.1.1",
        WORKER,
        env={"BUSY": str(busy)},
        ready=Probe("steady", steady_seconds=0.2),
        stop=Stop("SIGTERM", drain_seconds),
    )
    return replace(order, pool="mail", generation=1, background=True)


def said(host: Hosts) -> list[str]:
    lines = host.target.logs("vm1", ["mail.1.1"], lines=50, follow=False)
    return [line for _, line in lines]


def state(agent: LocalAgent) -> str:
    unit = agent.observe().unit("mail.1.1")
    return unit.state if unit else "gone"


def restarts(agent: LocalAgent) -> int:
    unit = agent.observe().unit("mail.1.1")
    assert unit
    return unit.restarts


def test_it_works_from_the_start(agent: LocalAgent) -> None:
    assert state(agent) == "running"


def test_it_finishes_its_job_and_rests_until_it_is_woken(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    assert agent.rest("mail.1.1", kills=False) == "finished its jobs"
    assert state(agent) == "resting"
    assert agent.rest("mail.1.1", kills=False) == "rests"
    agent.wake("mail.1.1")
    assert (state(agent), restarts(agent)) == ("running", 0)
    assert said(host) == ["works", "told 1", "has finished", "works"]


def test_one_with_a_long_job_is_told_once_and_not_cut_off(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    busy.touch()
    for _ in range(3):
        with pytest.raises(StepFailed, match=r"mail\.1\.1 has not finished its jobs within 0\.3 s"):
            agent.rest("mail.1.1", 0.3, kills=False)
    assert state(agent) == "draining"
    agent.wake("mail.1.1")
    assert state(agent) == "draining"
    with pytest.raises(StepFailed):
        agent.rest("mail.1.1", 0.3, kills=False)
    agent.wake("mail.1.1")
    busy.unlink()
    until(lambda: state(agent) == "running", "it to work again")
    assert restarts(agent) == 0, "it has ended because it was told to"
    assert said(host) == ["works", "told 1", "has finished", "works"]


def test_one_that_has_not_ended_in_time_is_killed_where_that_is_wanted(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    busy.touch()
    how = agent.rest("mail.1.1", 0.3, kills=True)
    assert how == "was killed: it did not end within 0.3 s of its signal"
    assert state(agent) == "resting"
    assert not [p for p in host.processes() if "BUSY" in p.environ()]


def test_neither_another_agent_nor_the_next_day_wakes_it(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    agent.rest("mail.1.1", kills=False)
    host.kill_host()
    again = host.up()
    until(lambda: state(again) == "resting", "it to be known to rest")
    again.wake("mail.1.1")
    assert state(again) == "running"


def test_an_agent_that_comes_meanwhile_neither_tells_it_again_nor_starts_it(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    busy.touch()
    with pytest.raises(StepFailed):
        agent.rest("mail.1.1", 0.3, kills=False)
    host.kill_host()
    again = host.up()
    assert state(again) == "draining"
    busy.unlink()
    until(lambda: state(again) == "resting", "it to rest")
    assert said(host) == ["works", "told 1", "has finished"]


def test_one_that_has_been_told_is_stopped_without_a_second_signal(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    busy.touch()
    with pytest.raises(StepFailed):
        agent.rest("mail.1.1", 0.3, kills=False)
    began = time.monotonic()
    agent.stop("mail.1.1", 0.5)
    assert time.monotonic() - began < 5
    assert state(agent) == "gone"
    assert said(host) == ["works", "told 1"]


def test_a_crash_is_one_and_is_made_good(agent: LocalAgent, host: Hosts) -> None:
    unit = agent.observe().unit("mail.1.1")
    assert unit
    assert unit.pid
    host.kill(unit.pid)
    until(lambda: state(agent) == "running" and restarts(agent) == 1, "it to be back")


def test_only_what_serves_no_requests_is_sent_to_rest(host: Hosts, agent: LocalAgent) -> None:
    agent.start(script("other", "import signal; signal.pause()"))
    with pytest.raises(Refused, match="other serves requests"):
        agent.rest("other", kills=False)
    assert agent.rest("nobody", kills=False) == "is not there"
    agent.wake("nobody")
