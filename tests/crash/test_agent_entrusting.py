"""A server changes its keeper while it runs, and whoever is killed, one of both has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from tests.support.hosts import Hosts, gone, hosts, script, until

from tenfold.errors import StepFailed, UnitFailed
from tenfold.targets.local import LocalAgent
from tenfold.topology.process import Command, Probe, UnitOrder

SERVER = """
import os, signal
with open("server.pid", "w") as file:
    file.write(f"{os.getpid()}\\n/data\\n")
signal.pause()
"""
KEEPER = """
import os, signal, sys
def stop(*_):
    os.kill(int(open(sys.argv[1]).readline()), signal.SIGKILL)
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
open(sys.argv[1] + ".kept", "w").close()  # from here on it does what it is told
while True:
    signal.pause()
"""


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


class Database:
    """A unit that is its server, or whose process looks after that."""

    def __init__(self, host: Hosts) -> None:
        self.host = host
        self.agent: LocalAgent = host.up()
        self.data = f"{self.agent.paths.root}/data/db"
        self.file = f"{self.data}/server.pid"
        self.agent.run(Command(("mkdir", "-p", self.data)))
        self.agent.start(self.plain)
        until(lambda: Path(self.file).exists(), "the server")
        self.server = psutil.Process(int(Path(self.file).read_text().split()[0]))

    @property
    def plain(self) -> UnitOrder:
        return script("db", SERVER, cwd=self.data)

    def kept(self, text: str = KEEPER) -> UnitOrder:
        told = f"{self.file}.kept"
        Path(told).unlink(missing_ok=True)
        ready = Probe("exec", argv=("test", "-e", told), within_seconds=20)
        launch = script("db", text, ready=ready).launch
        return UnitOrder("db", "keeper", replace(launch, argv=(*launch.argv, self.file)))

    @property
    def pid(self) -> int | None:
        found = self.agent.observe().unit("db")
        return None if found is None else found.pid

    def successor(self) -> None:
        """Another agent comes, and has looked at everything."""
        before = self.host.agent_pid()
        self.host.kill(before)
        until(lambda: self.host.agent_pid() != before, "a successor")
        until(lambda: self.pid is not None, "the unit's process")


def test_there_and_back_the_server_is_the_same_process(host: Hosts) -> None:
    db = Database(host)
    db.agent.entrust(db.kept())
    assert db.server.is_running()
    keeper = db.pid
    assert keeper not in (None, db.server.pid)
    db.agent.entrust(db.kept())
    assert db.pid == keeper
    db.agent.take_back(db.plain, db.file, 10.0)
    assert db.pid == db.server.pid
    db.agent.take_back(db.plain, db.file, 10.0)
    assert db.pid == db.server.pid
    db.agent.stop("db")
    assert gone(db.server)


def test_a_successor_of_the_agent_leaves_the_server_to_its_keeper(host: Hosts) -> None:
    db = Database(host)
    db.agent.entrust(db.kept())
    keeper = db.pid
    db.successor()
    assert db.pid == keeper
    assert db.server.is_running()
    db.agent.take_back(db.plain, db.file, 10.0)
    db.successor()
    assert db.pid == db.server.pid
    assert not psutil.pid_exists(keeper or 0) or gone(psutil.Process(keeper))


def test_a_server_whose_keeper_does_not_come_up_is_taken_back_and_ended_with_its_unit(
    host: Hosts,
) -> None:
    db = Database(host)
    with pytest.raises(UnitFailed, match="code 3"):
        db.agent.entrust(db.kept("raise SystemExit(3)"))
    assert db.server.is_running()
    db.agent.take_back(db.plain, db.file, 10.0)
    assert db.pid == db.server.pid


def test_what_is_entrusted_ends_with_its_unit_also_without_its_keeper(host: Hosts) -> None:
    db = Database(host)
    db.agent.entrust(db.kept())
    assert db.pid is not None
    keeper = psutil.Process(db.pid)
    db.agent.entrust(db.kept())
    keeper.suspend()
    db.agent.stop("db", within_seconds=0.5)
    assert gone(keeper)
    assert gone(db.server)


def test_a_keeper_that_does_not_leave_goes_on(host: Hosts) -> None:
    db = Database(host)
    db.agent.entrust(db.kept(KEEPER.replace("lambda *_: os._exit(0)", "signal.SIG_IGN")))
    keeper = db.pid
    with pytest.raises(StepFailed, match="did not leave within"):
        db.agent.take_back(db.plain, db.file, 0.5)
    assert db.pid == keeper
    assert db.server.is_running()
