"""The agent proper: take over, serve, leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenfold.agent import logs
from tenfold.agent.adopt import adopt
from tenfold.agent.context import Context
from tenfold.agent.diary import say
from tenfold.agent.host import SHUTDOWN, Host
from tenfold.agent.keeper_link import KeeperLink, read_inheritance
from tenfold.agent.server import Server, bind
from tenfold.agent.sockets import Sockets
from tenfold.agent.store import Store
from tenfold.agent.wire import SOCKET_NAME

LINK_FD = 3
LOCK_FD = 4
OWN_SOCKET = "@agent"
DRAIN_LAST_SECONDS = 0.2
LOOK_EVERY_SECONDS = 1.0
MISSED_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Start:
    """How this agent came to be. ``argv`` executes another one like it; ``purpose`` is ``serve`` or
    ``down`` (end what is left, then leave); ``succeeds`` tells that one before it was killed."""

    root: Path
    argv: list[str]
    purpose: str
    succeeds: bool


def context_from(root: Path) -> Context:
    """What the target wrote into ``host.json``."""
    data = json.loads((root / "host.json").read_text())
    store = Store(root / "agent")
    return Context(
        deployment=data["deployment"],
        host=data["name"],
        address=data["address"],
        root=root,
        run=Path(data["run"]),
        logs=root / "logs",
        store=store,
        sockets=Sockets(store),
    )


async def serve(start: Start) -> None:
    """Be the agent of one host until it is shut down."""
    os.set_inheritable(LOCK_FD, False)
    os.set_inheritable(LINK_FD, False)
    link = socket.socket(fileno=LINK_FD)
    held, statuses, keeper_lives = read_inheritance(link)
    context = context_from(start.root)
    for pid, status in statuses.items():
        context.statuses.learn(pid, status)
    own = held.pop(OWN_SOCKET, None)
    host = Host(context)
    listener = socket.socket(fileno=own) if own is not None else bind(context.run / SOCKET_NAME)
    keeper = _keeper(host, listener, start)
    if keeper_lives:
        keeper.attach(link, os.getppid())
    else:
        link.close()
        keeper.replace()
    if own is None:
        keeper.hold(OWN_SOCKET, listener.fileno())
    context.sockets.changed = keeper.hold
    context.sockets.gone = keeper.drop
    unfinished = context.store.read(*SHUTDOWN) is not None
    host.closing = unfinished or start.purpose == "down"
    host.holds.resume()
    await adopt(host, held)
    if host.closing:
        await host.shutdown()
        host.closing = False
        if start.succeeds or start.purpose == "down":
            host.leaving.set()
    _go_on(host)
    server = await Server(host).serve(listener)
    say("serving")
    watches = [
        asyncio.create_task(watch)
        for watch in (
            _rotate_logs(host),
            _notice_removal(host),
            host.rests.watch(),
            host.giving_way.watch(),
        )
    ]
    await host.leaving.wait()
    for watch in watches:
        watch.cancel()
    keeper.dismiss()
    server.close()
    await asyncio.sleep(DRAIN_LAST_SECONDS)
    say("leaving")


def _keeper(host: Host, listener: socket.socket, start: Start) -> KeeperLink:
    def fds() -> dict[str, int]:
        return {OWN_SOCKET: listener.fileno(), **host.context.sockets.fds()}

    def stop() -> None:
        _in_background(_stop_in_order(host))

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return KeeperLink(LOCK_FD, start.argv, host.context.statuses, sys.stdout.fileno(), fds, stop)


async def _stop_in_order(host: Host) -> None:
    """The machine goes down: end all processes; declarations stay for the next start."""
    host.closing = True
    await host.stop_all()
    host.leaving.set()


def _go_on(host: Host) -> None:
    """Finish what the predecessor had begun."""
    host.handovers.resume()
    host.holds.tell_on()
    for unit in [u for u in host.units.values() if u.record.leaving]:
        _in_background(host.handovers.retire(unit, say))


async def _notice_removal(host: Host) -> None:
    """Somebody removed the project: what runs for a directory that is gone serves nobody."""
    missed = 0
    while missed < MISSED_LOOKS:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        missed = 0 if (host.context.root / "host.json").exists() else missed + 1
    say("the host's directory is gone")
    _in_background(_stop_in_order(host))


async def _rotate_logs(host: Host) -> None:
    while True:
        await asyncio.sleep(logs.CHECK_EVERY_SECONDS)
        for path in [host.context.logs / "agent.log", *(u.log for u in host.units.values())]:
            with contextlib.suppress(OSError):  # A full disk; the next round tries again.
                logs.rotate_if_due(path)


_background: set[asyncio.Task[Any]] = set()


def _in_background(work: Coroutine[Any, Any, Any]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _background.add(task)
    task.add_done_callback(_background.discard)


def main(argv: list[str]) -> None:
    """``__main__.py ROOT PURPOSE first|again``, with link and lock as descriptors 3 and 4."""
    path, root, purpose, turn = argv
    os.umask(0o022)  # Whatever that of the command was that started this.
    executed = [sys.executable, "-I", path, root, purpose]
    asyncio.run(serve(Start(Path(root), executed, purpose, succeeds=turn == "again")))
