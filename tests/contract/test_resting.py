"""Background workers that are to rest: told once, never cut off unasked, kept down until woken."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.hosts import Hosts, hosts, script, until

from tenfold.errors import Refused, StepFailed, UnitFailed
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


def worker(
    busy: Path, drain_seconds: float = 30.0, *, generation: int = 1, text: str = WORKER
) -> UnitOrder:
    order = script(
        f"mail.{generation}.1",
        text,
        env={"BUSY": str(busy)},
        ready=Probe("steady", steady_seconds=0.2),
        stop=Stop("SIGTERM", drain_seconds),
    )
    return replace(order, pool="mail", generation=generation, background=True, single=True)


def said(host: Hosts) -> list[str]:
    lines = host.target.logs("vm1", ["mail.1.1"], lines=50, follow=False)
    return [line for _, line in lines]


def state(agent: LocalAgent, name: str = "mail.1.1") -> str:
    unit = agent.observe().unit(name)
    return unit.state if unit else "gone"


def deeds(agent: LocalAgent) -> list[str]:
    return [deed.what for deed in agent.observe().deeds]


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


def test_a_rest_that_nobody_renews_ends_by_itself_and_is_told(
    agent: LocalAgent, host: Hosts
) -> None:
    agent.rest("mail.1.1", kills=False, lasts_seconds=1.0)
    unit = agent.observe().unit("mail.1.1")
    assert unit
    assert unit.rests_until is not None
    assert abs(unit.rests_until - time.time()) < 1.5
    until(lambda: state(agent) == "running", "it to work again")
    (deed,) = deeds(agent)
    assert deed.startswith("mail.1.1 works again: nobody has said for 1 s")
    assert restarts(agent) == 0
    assert said(host) == ["works", "told 1", "has finished", "works"]


def test_a_rest_lasts_for_as_long_as_it_is_renewed(agent: LocalAgent) -> None:
    agent.rest("mail.1.1", kills=False, lasts_seconds=0.5)
    over = time.monotonic() + 3.0
    while time.monotonic() < over:
        assert agent.keep_resting("mail", 2.0) == ()
        time.sleep(0.1)
    assert state(agent) == "resting"
    until(lambda: state(agent) == "running", "it to work again")


def test_one_without_a_bound_gets_one_only_anew(agent: LocalAgent) -> None:
    agent.rest("mail.1.1", kills=False, lasts_seconds=60.0)
    assert agent.keep_resting("mail", None) == ()
    assert agent.keep_resting("mail", 0.1) == ()
    unit = agent.observe().unit("mail.1.1")
    assert unit
    assert unit.rests_until is None
    agent.keep_resting("mail", 0.1, anew=True)
    until(lambda: state(agent) == "running", "it to work again")
    assert agent.keep_resting("mail", None) == ("mail.1.1",)


def test_the_bound_outlives_agent_and_keeper(agent: LocalAgent, host: Hosts) -> None:
    agent.rest("mail.1.1", kills=False, lasts_seconds=1.0)
    host.kill_host()
    again = host.up()
    until(lambda: state(again) == "running", "it to work again")
    assert len(deeds(again)) == 1


def test_one_that_is_still_at_a_job_then_works_again_when_it_has_ended(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    busy.touch()
    with pytest.raises(StepFailed):
        agent.rest("mail.1.1", 0.2, kills=False, lasts_seconds=1.0)
    until(lambda: deeds(agent), "its rest to be over")
    assert state(agent) == "draining"
    busy.unlink()
    until(lambda: state(agent) == "running", "it to work again")
    assert said(host) == ["works", "told 1", "has finished", "works"]


def test_nobody_is_woken_beside_what_has_replaced_it(agent: LocalAgent, busy: Path) -> None:
    agent.rest("mail.1.1", kills=False, lasts_seconds=1.0)
    agent.start(worker(busy, generation=2))
    until(lambda: _bound(agent) is None, "its bound to be gone")
    assert (state(agent), state(agent, "mail.2.1")) == ("resting", "running")
    assert deeds(agent) == []


def test_what_never_became_ready_has_replaced_nobody(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    agent.rest("mail.1.1", kills=False, lasts_seconds=1.0)
    with pytest.raises(UnitFailed):
        agent.start(worker(busy, generation=2, text="raise SystemExit(3)"))
    until(lambda: state(agent) == "running", "the old one to work again")
    assert state(agent, "mail.2.1") == "gone"


def test_of_what_may_be_there_once_the_agent_lets_no_second_one_work(
    agent: LocalAgent, host: Hosts, busy: Path
) -> None:
    with pytest.raises(StepFailed, match=r"mail\.2\.1 may not work beside mail\.1\.1"):
        agent.start(worker(busy, generation=2))
    agent.rest("mail.1.1", kills=False)
    agent.start(worker(busy, generation=2))
    with pytest.raises(StepFailed, match=r"mail\.1\.1 may not work beside mail\.2\.1"):
        agent.wake("mail.1.1")
    assert (state(agent), state(agent, "mail.2.1")) == ("resting", "running")


def _bound(agent: LocalAgent) -> float | None:
    unit = agent.observe().unit("mail.1.1")
    assert unit
    return unit.rests_until
