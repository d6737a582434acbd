"""Of what a unit looks after it is noticed, too, that another file lies where it was run from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.hosts import Hosts, hosts, script, until

from tenfold.targets.local import LocalAgent
from tenfold.topology.observation import ObservedUnit
from tenfold.topology.process import Command, Probe, UnitOrder

SERVER = """
import os, signal, time
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
with open("server.pid", "w") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(600)
"""
KEEPER = """
import signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
time.sleep(600)
"""


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


def seen(agent: LocalAgent) -> ObservedUnit:
    found = agent.observe().unit("db")
    assert found is not None
    assert found.state == "running"
    return found


def update(path: Path, text: str = "") -> str:
    """As an update of a package does it: another file, under the same name."""
    new = path.with_name("new")
    new.write_text(text)
    new.rename(path)
    return str(path)


def kept(*programs: str) -> UnitOrder:
    order = script("db", KEEPER)
    return replace(order, launch=replace(order.launch, programs=programs, lasts=True))


def test_each_program_of_what_it_looks_after_is_watched(host: Hosts) -> None:
    server, version = host.state / "postgres", host.state / "version.py"
    agent, order = host.up(), kept(update(server), update(version))
    agent.start(order)
    assert seen(agent).programs == (str(server), str(version))
    for path in (server, version):
        assert not seen(agent).replaced
        update(path)
        before = seen(agent)
        assert before.replaced
        agent.start(order)
        assert seen(agent) == before  # a deploy ends nobody
        agent.start(replace(order, instead_of=before.pid))
    assert not seen(agent).replaced


def test_a_launch_that_is_another_one_is_for_the_next_start(host: Hosts) -> None:
    agent, order = host.up(), kept(update(host.state / "old"))
    agent.start(order)
    first = seen(agent)
    asked = replace(order, launch=replace(order.launch, ready=Probe("exec", argv=("true", "x"))))
    agent.start(asked)
    assert seen(agent) == first
    moved = replace(order, launch=replace(order.launch, programs=(update(host.state / "other"),)))
    agent.start(moved)
    assert seen(agent).pid == first.pid
    assert seen(agent).replaced
    before = host.agent_pid()
    host.kill(before)
    until(lambda: host.agent_pid() != before, "a successor of the agent")
    until(lambda: agent.observe().unit("db") is not None, "it to know the unit")
    assert seen(agent).pid == first.pid
    assert seen(agent).replaced
    agent.start(replace(moved, instead_of=first.pid))
    assert seen(agent).pid != first.pid
    assert not seen(agent).replaced
    plain = script("db", KEEPER)
    before_plain = seen(agent).pid
    agent.start(plain)  # one that does not last, as one that leaves Patroni's care
    assert seen(agent).pid != before_plain


def test_a_server_that_ran_before_its_keeper_still_runs_what_it_was_started_from(
    host: Hosts,
) -> None:
    agent = host.up()
    data = f"{agent.paths.root}/data/db"
    agent.run(Command(("mkdir", "-p", data)))
    program = host.state / "python"
    program.symlink_to(sys.executable)
    plain = script("db", SERVER, cwd=data)
    plain = replace(
        plain,
        launch=replace(
            plain.launch,
            argv=(str(program), *plain.launch.argv[1:]),
            ready=Probe("exec", argv=("test", "-s", f"{data}/server.pid")),
        ),
    )
    agent.start(plain)
    keeper = kept(str(program))
    agent.entrust(keeper)
    assert not seen(agent).replaced
    agent.take_back(plain, f"{data}/server.pid", 10.0)
    assert not seen(agent).replaced
    program.unlink()
    update(program, "#!/bin/sh\n")
    assert seen(agent).replaced
    agent.entrust(keeper)
    assert seen(agent).replaced
    agent.take_back(plain, f"{data}/server.pid", 10.0)
    assert seen(agent).replaced
