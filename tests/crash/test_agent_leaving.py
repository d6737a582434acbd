"""Whoever comes to a host that is shut down is refused at once, and does not wait in vain."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.hosts import Hosts, hosts, script, until

from tenfold.interrupts import at_once
from tenfold.topology.model import Host
from tenfold.topology.process import Listen, Stop

WITHIN_SECONDS = 30.0

EDGE = """
import os, select, signal, socket, sys, time
listener = socket.socket(fileno=int(os.environ["FD"]))
folder, leaving = os.environ["FOLDER"], []
signal.signal(signal.SIGQUIT, lambda *_: leaving.append(1))
while not leaving:
    if select.select([listener], [], [], 0.02)[0]:
        accepted, _ = listener.accept()
        accepted.sendall(b"served")
        accepted.close()
listener.close()
open(folder + "/left", "w").close()
while not os.path.exists(folder + "/go"):  # as nginx, which finishes what it is at
    time.sleep(0.02)
"""


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tf-leaving-", dir="/tmp") as made:
        Path(made).chmod(0o777)
        yield Path(made)


def ask(endpoint: str) -> bytes:
    address, port = endpoint.split(":")
    with closing(socket.create_connection((address, int(port)), timeout=10.0)) as asking:
        return asking.recv(100)


def test_a_host_that_is_interrupted_while_it_starts_ends_at_once(host: Hosts) -> None:
    """Its agent holds the lock, and cannot be told anything yet."""
    place = host.target.locate(Host("vm1"))

    def interrupts_it() -> None:
        lock = Path(place.root) / "agent.lock"
        until(lambda: lock.exists() and is_held(lock), subject="somebody to live there")
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        at_once([lambda: (host.up(), None)[1], interrupts_it])
    began = time.monotonic()
    host.target.end("vm1")
    assert time.monotonic() - began < WITHIN_SECONDS
    assert host.target.reach("vm1") is None


def is_held(lock: Path) -> bool:
    with lock.open("ab") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@pytest.mark.parametrize("keeper", ["there", "another"])
def test_while_an_edge_finishes_nobody_waits_for_it(host: Hosts, folder: Path, keeper: str) -> None:
    agent = host.up()
    endpoint = agent.listen([Listen("public", agent.address, 0)])["public"]
    agent.start(
        script(
            "edge",
            EDGE,
            sockets=("public",),
            env={"FD": "{fd:public}", "FOLDER": str(folder)},
            stop=Stop("SIGQUIT", within_seconds=30.0),
        )
    )
    assert ask(endpoint) == b"served"
    if keeper == "another":
        old = host.keeper_pid()
        host.kill(old)
        until(lambda: host.has_keeper() and host.keeper_pid() != old, "another keeper")
    ending = threading.Thread(target=agent.shutdown)
    ending.start()
    try:
        until((folder / "left").exists, "the edge to take nobody any more")
        with pytest.raises(ConnectionRefusedError):
            ask(endpoint)
        assert ending.is_alive(), "it is not over yet"
    finally:
        (folder / "go").touch()
        ending.join(30)
    again = host.up().listen([Listen("public", agent.address, 0)])
    assert again["public"] == endpoint, "its port is remembered"
