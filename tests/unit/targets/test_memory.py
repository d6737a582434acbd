"""What the fake offers beyond the contract, for those who build on it."""

from __future__ import annotations

import pytest

from tenfold.errors import StepFailed, TargetError
from tenfold.targets.memory import MemoryAgent, MemoryTarget
from tenfold.targets.protocol import Finished
from tenfold.topology.model import Host
from tenfold.topology.process import Command, Launch, Probe, UnitOrder


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def serving(agent: MemoryAgent) -> None:
    launch = Launch(("run",), "/", Probe("exec", ("true",)))
    agent.start(UnitOrder("app.1.0", "test", launch, pool="app", generation=1))
    agent.handover("app", 1)


def test_a_hold_ends_by_the_clock_that_was_given() -> None:
    clock = Clock()
    agent = MemoryTarget(["vm1"], clock=clock).ensure(Host("vm1"))
    serving(agent)
    agent.hold("app", 5.0)
    assert agent.observe().held == (("app", 1005.0),)
    clock.now = 1004.9
    assert agent.observe().units[0].state == "holding"
    clock.now = 1005.0
    assert agent.observe().units[0].state == "running"
    assert agent.observe().held == ()


def test_requests_can_be_made_to_run_for_ever() -> None:
    agent = MemoryTarget(["vm1"]).ensure(Host("vm1"))
    serving(agent)
    agent.requests["app"] = (2, 12.3)
    assert agent.longest_request("app") == 12.3
    agent.hold("app", 5.0)
    with pytest.raises(StepFailed, match=r"2 requests still run, the oldest for 12\.3 s"):
        agent.drained("app", 1.0)


def test_all_views_of_a_host_are_the_same_host() -> None:
    target = MemoryTarget(["vm1"])
    view = target.named({"app1": "vm1"}).with_epoch(3).ensure(Host("app1"))
    target.agents["vm1"].commands = lambda _: Finished(7, "")
    assert view.run(Command(("x",))).code == 7
    target.kill("vm1")
    with pytest.raises(TargetError, match="the agent of app1 does not answer"):
        view.observe()
    target.ensure(Host("vm1"))
    assert view.observe().name == "app1"


def test_a_failure_can_be_ordered_for_a_host_by_its_new_name() -> None:
    target = MemoryTarget(["vm1"]).named({"app1": "vm1"})
    target.fail("hold", "app", StepFailed("no"), host="app1")
    with pytest.raises(StepFailed, match="no"):
        target.ensure(Host("app1")).hold("app", 1.0)
