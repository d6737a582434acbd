"""Have who comes go to another zone while no worker of a pool comes up.

The listening socket is the agent's, so connections are taken into its queue whoever lives: for a
moment, that is what fails nobody. When nobody has come up for :data:`PATIENCE_SECONDS`, the queue
takes no more: its length is set to 0, so an edge's connection is not answered, and the edge asks
the app of another zone after its second (:mod:`tenfold.engines.nginx.zones`). Nothing is closed:
who waits in the queue waits on, and is served by whoever comes up. As soon as one worker accepts
the queue is as long as before.

Only of a socket that says so: where there is no other zone it is better to wait in the queue, since
the kernel has a connection that found it full tried again after 1, 3, 7 s. A pool that is held is
left alone: its requests are to wait, and other zones are held as well.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenfold.agent.diary import say

if TYPE_CHECKING:
    from tenfold.agent.host import Host
    from tenfold.agent.unit import Unit

PATIENCE_SECONDS = 3.0
"""Longer than a worker that was killed takes to come up, mostly; shorter than users' patience."""
LOOK_SECONDS = 0.5
SOON_SECONDS = 0.05
"""How often it is looked for somebody who has come up, while who comes goes elsewhere."""


@dataclass(frozen=True, slots=True)
class Door:
    """What is known of one socket. ``nobody_since``: that long nobody accepts there who is to;
    ``None`` while somebody does, or is held. ``is_open`` is ``None`` before it was set."""

    nobody_since: float | None = None
    is_open: bool | None = None


def seen(door: Door, now: float, *, accepts: bool, held: bool) -> Door:
    """What is to be known of it, and whether it is to be open. Pure.

    Args:
        door: what was known.
        now: by any clock that only goes on.
        accepts: whether one worker at least does.
        held: whether its pool is made to wait.
    """
    if accepts or held:
        return Door(None, True)
    since = now if door.nobody_since is None else door.nobody_since
    return Door(since, now - since < PATIENCE_SECONDS)


class GivingWay:
    """The sockets of one host that give way."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._doors: dict[str, Door] = {}

    async def watch(self) -> None:
        """Look for as long as the agent serves."""
        while True:
            self.look(time.monotonic())
            shut = any(door.is_open is False for door in self._doors.values())
            await asyncio.sleep(SOON_SECONDS if shut else LOOK_SECONDS)

    def look(self, now: float) -> None:
        """See who accepts, and have the queues as long as they are to be."""
        sockets = self._host.context.sockets
        names = sockets.that_give_way()
        for name in {*self._doors} - {*names}:
            sockets.lengthen(name)
            del self._doors[name]
        for name in names:
            before = self._doors.get(name, Door())
            door = self._doors[name] = seen(
                before, now, accepts=self._accepts(name), held=self._is_held(name)
            )
            if not door.is_open:
                sockets.shorten(name)  # Again and again: a server may set the length at its start.
            elif not before.is_open:
                sockets.lengthen(name)
            if before.is_open is not None and before.is_open != door.is_open:
                say(f"{name}: {_in_words(door)}")

    def _accepts(self, name: str) -> bool:
        return any(u.state == "running" for u in self._behind(name))

    def _is_held(self, name: str) -> bool:
        return any(self._host.holds.includes(u.name) for u in self._behind(name))

    def _behind(self, name: str) -> list[Unit]:
        return [u for u in self._host.units.values() if name in u.order.launch.sockets]


def _in_words(door: Door) -> str:
    if door.is_open:
        return "its queue takes connections again"
    return f"nobody has accepted for {PATIENCE_SECONDS:g} s: its queue takes no more"
