"""The agent's side of its keeper: hands it sockets, hears of collected units, replaces it."""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tenfold.agent.diary import say
from tenfold.agent.handle import ExitStatuses, Process
from tenfold.agent.spawn import Plan, spawn
from tenfold.errors import TenfoldError

FIRST_ANSWER_SECONDS = 20.0
LONGEST_DELAY_SECONDS = 5.0
DROP_SECONDS = 1.0
KEEPER = Path(__file__).with_name("keeper.py")


def keeper_argv(link: int, lock: int, agent_argv: list[str], *, detach: bool) -> list[str]:
    """The command line of a keeper; no site-packages, so that it stays small."""
    options = [str(link), str(lock), "1" if detach else "0"]
    return [sys.executable, "-I", "-S", str(KEEPER), *options, *agent_argv]


def read_inheritance(link: socket.socket) -> tuple[dict[str, int], dict[int, int], bool]:
    """What a keeper gives to a new agent: descriptors by name, exit statuses, and whether it still
    lives. Blocks, at most 20 seconds; called before the event loop runs."""
    held: dict[str, int] = {}
    statuses: dict[int, int] = {}
    pending = b""
    fds: list[int] = []
    link.settimeout(FIRST_ANSWER_SECONDS)
    while True:
        try:
            data, more, _, _ = socket.recv_fds(link, 4096, 8)
        except OSError:
            data, more = b"", []
        for fd in more:
            os.set_inheritable(fd, False)
        fds += more
        if not data:
            return held, statuses, False
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            words = line.decode().split(" ")
            if words[0] == "go":
                return held, statuses, True
            if words[0] == "hold" and fds:
                held[words[1]] = fds.pop(0)
            elif words[0] == "died":
                statuses[int(words[1])] = int(words[2])


class KeeperLink:
    """The living link; ``fds`` tells at any time what a new keeper has to hold."""

    def __init__(
        self,
        lock: int,
        agent_argv: list[str],
        statuses: ExitStatuses,
        log: int,
        fds: Callable[[], Mapping[str, int]],
        on_stop: Callable[[], None],
    ) -> None:
        self._lock = lock
        self._agent_argv = agent_argv
        self._statuses = statuses
        self._log = log
        self._fds = fds
        self._on_stop = on_stop
        self._link: socket.socket | None = None
        self._pending = b""
        self._leaving = False
        self._dropped: dict[str, asyncio.Event] = {}
        self._replacing: asyncio.Task[None] | None = None
        self.pid = 0

    def attach(self, link: socket.socket, pid: int) -> None:
        """Talk to this keeper."""
        link.setblocking(False)
        self._link, self._pending, self.pid = link, b"", pid
        asyncio.get_running_loop().add_reader(link.fileno(), self._hear)

    def hold(self, name: str, fd: int) -> None:
        """Have the keeper hold a copy of a socket."""
        self._send(f"hold {name}", fd)

    async def drop(self, name: str) -> None:
        """Have the keeper close its copy; returns when it has, or has ended, or does not say so."""
        if self._link is None:
            return
        done = self._dropped.setdefault(name, asyncio.Event())
        self._send(f"drop {name}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), DROP_SECONDS)
        self._dropped.pop(name, None)

    def dismiss(self) -> None:
        """Have the keeper end together with this agent."""
        self._leaving = True
        self._send("exit")

    def replace(self) -> None:
        """Start a keeper because there is none."""
        self._replacing = asyncio.get_running_loop().create_task(self._replace())

    def _send(self, text: str, fd: int = -1) -> None:
        if self._link is None:
            return  # A new keeper is on its way, and is given everything.
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd >= 0 else []
        with contextlib.suppress(OSError):  # Its end is noticed where it is read.
            self._link.sendmsg([text.encode() + b"\n"], rights)

    def _hear(self) -> None:
        assert self._link is not None
        try:
            data = self._link.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            words = line.decode().split(" ")
            if words[0] == "died":
                self._statuses.learn(int(words[1]), int(words[2]))
            elif words[0] == "dropped" and words[1] in self._dropped:
                self._dropped[words[1]].set()
            elif words[0] == "stop":
                self._on_stop()

    def _lost(self) -> None:
        assert self._link is not None
        asyncio.get_running_loop().remove_reader(self._link.fileno())
        self._link.close()
        self._link = None
        for done in self._dropped.values():
            done.set()
        if not self._leaving:
            say(f"keeper {self.pid} ended; starting another")
            self.replace()

    async def _replace(self) -> None:
        delay = 0.1
        while True:
            try:
                await self._start_keeper()
                return
            except (TenfoldError, OSError) as fault:
                say(f"cannot start a keeper: {fault}")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    async def _start_keeper(self) -> None:
        mine, theirs = socket.socketpair()
        argv = keeper_argv(3, 4, self._agent_argv, detach=False)
        fds = (theirs.fileno(), self._lock)
        try:
            process = await spawn(Plan(argv, os.environ, "/", self._log, fds))
        except BaseException:
            mine.close()
            raise
        finally:
            theirs.close()
        self._collector = asyncio.create_task(process.wait())
        self._process: Process = process
        self.attach(mine, process.pid)
        for name, fd in self._fds().items():
            self.hold(name, fd)
