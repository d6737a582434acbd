"""A command that was replaced gives no more orders to a real agent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.support.hosts import POOL, Hosts, Request, hosts, member, serving, sleeper, until

from tenfold.agent.wire import line
from tenfold.errors import StepFailed
from tenfold.targets.local import LocalAgent
from tenfold.topology.model import Host
from tenfold.topology.process import Command, File, Listen, Probe

OVER = "another command has taken over this deployment meanwhile"


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


def carrying(host: Hosts, epoch: int) -> LocalAgent:
    return host.target.with_epoch(epoch).ensure(Host("vm1"))


CHANGES: dict[str, Callable[[LocalAgent], object]] = {
    "listen": lambda a: a.listen([Listen("x", a.address, 0)]),
    "write": lambda a: a.write([File("config/x", "x")]),
    "start": lambda a: a.start(sleeper("x")),
    "reload": lambda a: a.reload("a"),
    "stop": lambda a: a.stop("a"),
    "handover": lambda a: a.handover(POOL, 1),
    "settle": lambda a: a.settle(POOL, 1.0),
    "hold": lambda a: a.hold(POOL, 1.0),
    "drained": lambda a: a.drained(POOL, 1.0),
    "release": lambda a: a.release(POOL),
    "claim": lambda a: a.claim(4),
    "run": lambda a: a.run(Command(("true",))),
    "shutdown": lambda a: a.shutdown(),
}


def test_every_change_of_a_lower_epoch_is_refused_and_looking_is_not(host: Hosts) -> None:
    old, new = carrying(host, 4), carrying(host, 5)
    new.start(sleeper("a"))
    old.claim(4)
    new.claim(5)
    before = new.observe()
    for order, change in CHANGES.items():
        with pytest.raises(StepFailed) as refusal:
            change(old)
        assert refusal.value.what == OVER, order
        assert refusal.value.next == "tenfold status"
    # the disk is everybody's
    assert replace(old.observe(), free_bytes=before.free_bytes) == before
    assert old.metrics(POOL)["routes"] == []
    assert old.longest_request(POOL) == 0.0
    host.up().stop("a")  # An everyday command carries none, and is not checked.
    assert new.observe().units == ()


def test_a_lower_epoch_does_not_end_a_host_whose_agent_is_dead_either(host: Hosts) -> None:
    old, new = host.target.with_epoch(4), host.target.with_epoch(5)
    agent = new.ensure(Host("vm1"))
    agent.start(sleeper("a"))
    agent.claim(5)
    host.kill_host()
    for end in (old.end, old.destroy):
        with pytest.raises(StepFailed, match=OVER):
            end("vm1")
    assert [u.name for u in new.ensure(Host("vm1")).observe().units] == ["a"]
    new.end("vm1")
    assert new.reach("vm1") is None


def test_a_claim_ends_the_commands_of_the_one_before(host: Hosts) -> None:
    old, new = carrying(host, 4), carrying(host, 5)
    up = threading.Event()
    with ThreadPoolExecutor() as pool:
        command = Command(("sh", "-c", "echo up; exec sleep 600"), within_seconds=600.0)
        running = pool.submit(old.run, command, lambda _: up.set())
        assert up.wait(30)
        new.claim(5)
        assert host.processes() == []
        with pytest.raises(StepFailed, match=OVER):
            running.result(timeout=30)


def test_a_claim_waits_for_a_start_of_the_one_before(host: Hosts) -> None:
    old, new = carrying(host, 4), carrying(host, 5)
    go = host.root() / "data/go"
    ready = Probe("exec", ("test", "-e", str(go)), within_seconds=60)
    with ThreadPoolExecutor() as pool:
        start = pool.submit(old.start, sleeper("a", ready=ready))
        until(lambda: new.observe().unit("a"), "a to be known")
        claim = pool.submit(new.claim, 5)
        until(lambda: refused(old), "the claim to count")
        assert not claim.done()
        new.write([File("data/go", "")])
        claim.result(timeout=30)
        start.result(timeout=30)


def refused(agent: LocalAgent) -> bool:
    try:
        agent.release(POOL)
    except StepFailed:
        return True
    return False


def test_a_claim_waits_until_it_is_decided_who_accepts(host: Hosts) -> None:
    old, new = carrying(host, 4), carrying(host, 5)
    serving(old)
    old.start(member(old, generation=2, env={"HESITANT": "1.5"}))
    with ThreadPoolExecutor() as pool:
        handover = pool.submit(old.handover, POOL, 2)
        until((host.root() / "agent/handovers/app.json").exists, "the handover to be ordered")
        assert new.observe().units[1].state == "warm"
        new.claim(5)
        assert new.observe().units[-1].state == "running"
        handover.result(timeout=30)


def test_a_claim_does_not_wait_for_workers_that_drain(host: Hosts) -> None:
    old, new = carrying(host, 4), carrying(host, 5)
    endpoint = serving(old)
    slow = Request(endpoint, "/slow=3")
    until(lambda: new.longest_request(POOL) > 0, "the request to be under way")
    old.start(member(old, generation=2))
    with ThreadPoolExecutor() as pool:
        handover = pool.submit(old.handover, POOL, 2)
        until(lambda: "draining" in {u.state for u in new.observe().units}, "one to drain")
        new.claim(5)
        assert slow.waits(0)
        assert slow.answer().startswith("r1 ")
        handover.result(timeout=30)
    assert [u.name for u in new.observe().units] == ["app.2.0"]


def test_a_handover_that_waits_for_its_turn_does_not_begin_any_more(host: Hosts) -> None:
    old, new = carrying(host, 4), carrying(host, 5)
    endpoint = serving(old)
    slow = Request(endpoint, "/slow=2")
    until(lambda: new.longest_request(POOL) > 0, "the request to be under way")
    for generation in (2, 3):
        old.start(member(old, generation=generation))
    with ThreadPoolExecutor() as pool, socket.socket(socket.AF_UNIX) as caller:
        pool.submit(new.handover, POOL, 2)
        until(lambda: "draining" in {u.state for u in new.observe().units}, "one to drain")
        caller.connect(f"{new.paths.run}/agent.sock")
        caller.sendall(line({"order": "handover", "pool": POOL, "generation": 3, "epoch": 4}))
        new.claim(5)
        with caller.makefile("rb") as answers:
            assert OVER in next(text for text in map(bytes.decode, answers) if "error" in text)
    assert slow.answer().startswith("r1 ")
    assert new.observe().units[0].name == "app.2.0"
