"""The keeper as it runs: a process of its own, with a stand-in for the agent."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.hosts import until

from tenfold.agent.keeper_link import keeper_argv, read_inheritance

CRASHES = "import sys, time; open(sys.argv[1], 'a').write(f'{time.monotonic()} {sys.argv[2]}\\n')"


class Kept:
    """A keeper whose first agent is this test, and what follows it a script."""

    def __init__(self, tmp_path: Path, script: str) -> None:
        self.log = tmp_path / "starts"
        self.link, theirs = socket.socketpair()
        self.lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        agent = [sys.executable, "-IS", "-c", script, str(self.log)]
        argv = keeper_argv(theirs.fileno(), self.lock, agent, detach=False)
        fds = (theirs.fileno(), self.lock)
        self.process = subprocess.Popen(argv, pass_fds=fds, stdout=subprocess.DEVNULL)
        theirs.close()
        os.close(self.lock)

    def starts(self) -> list[tuple[float, str]]:
        if not self.log.exists():
            return []
        lines = self.log.read_text().splitlines()
        return [(float(a), b) for a, b in (line.split() for line in lines)]

    def close(self) -> None:
        self.link.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path, CRASHES)
    yield made
    made.close()


def is_locked(path: Path) -> bool:
    with path.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_an_agent_that_keeps_crashing_is_started_ever_more_slowly(kept: Kept) -> None:
    kept.link.close()
    until(lambda: len(kept.starts()) >= 5, "five starts")
    times = [when for when, _ in kept.starts()]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[2] > gaps[0] + 0.3
    assert {turn for _, turn in kept.starts()} == {"again"}


def test_it_leaves_with_an_agent_that_says_so(kept: Kept) -> None:
    kept.link.sendall(b"exit\n")
    kept.link.close()
    assert kept.process.wait(timeout=20) == 0
    assert kept.starts() == []


def test_the_lock_is_held_as_long_as_it_lives(kept: Kept, tmp_path: Path) -> None:
    assert is_locked(tmp_path / "lock")
    kept.link.sendall(b"exit\n")
    kept.link.close()
    kept.process.wait(timeout=20)
    assert not is_locked(tmp_path / "lock")


def test_asked_to_terminate_it_asks_the_agent_to_stop(kept: Kept) -> None:
    kept.link.sendall(b"drop nothing\n")
    until(lambda: is_quiet(kept), "the keeper to be up")
    kept.process.send_signal(signal.SIGTERM)
    kept.link.settimeout(20)
    told = b""
    while b"stop\n" not in told:  # whether it has heard the line above by then is chance
        told += (more := kept.link.recv(100))
        assert more, told
    kept.link.close()
    assert kept.process.wait(timeout=20) == 0


def is_quiet(kept: Kept) -> bool:
    """Whether it handles signals by now: SIGTERM is in the mask of caught ones."""
    status = Path(f"/proc/{kept.process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1))


INHERITS = """
import os, socket, sys
sys.path.insert(0, sys.argv[1] + ".path")
link = socket.socket(fileno=3)
data, fds = b"", []
while not data.endswith(b"go\\n"):
    more, got, _, _ = socket.recv_fds(link, 4096, 8)
    data, fds = data + more, fds + got
names = [socket.socket(fileno=fd).getsockname()[1] for fd in fds]
open(sys.argv[1], "a").write(f"{data.decode()!r} {names}\\n".replace(" ", "_") + "")
link.recv(1)
"""


def test_a_successor_gets_every_socket_that_is_still_held(tmp_path: Path) -> None:
    kept = Kept(tmp_path, INHERITS)
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as one,
            socket.create_server(("127.0.0.2", 0)) as two,
        ):
            port = two.getsockname()[1]
            socket.send_fds(kept.link, [b"hold one\n"], [one.fileno()])
            socket.send_fds(kept.link, [b"hold two\n"], [one.fileno()])
            socket.send_fds(kept.link, [b"hold two\n"], [two.fileno()])
            kept.link.sendall(b"drop one\n")
            kept.link.close()
        until(kept.log.exists, "a successor")
        assert until(kept.log.read_text, "its report") == f"'hold_two\\ngo\\n'_[{port}]\n"
        with socket.create_connection(("127.0.0.2", port), timeout=10):
            pass
    finally:
        kept.close()


def test_an_agent_whose_keeper_dies_at_once_goes_on_with_what_it_got() -> None:
    mine, theirs = socket.socketpair()
    with mine, socket.create_server(("127.0.0.1", 0)) as listener:
        with theirs:
            socket.send_fds(theirs, [b"hold app\ndied 7 9\n"], [listener.fileno()])
        held, statuses, alive = read_inheritance(mine)
        assert (list(held), statuses, alive) == (["app"], {7: 9}, False)
        assert not os.get_inheritable(held["app"])
        os.close(held["app"])
