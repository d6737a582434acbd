"""Accepts connections from a listening socket that other processes share."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Final

LOGGER: Final = logging.getLogger("tenfold")
RETRY_SECONDS: Final = 1.0
_TRANSIENT: Final = (BlockingIOError, InterruptedError, ConnectionAbortedError)


class Listener:
    """Accepts on ``fd`` between :meth:`start` and :meth:`pause` or :meth:`stop`.

    Not ``loop.create_server``: that one takes a whole backlog at once, which starves other
    processes on the same socket, and closing it drops connections that are accepted but not yet
    handed to a protocol. Here one connection is taken per turn of the loop, so that a busy process
    takes fewer, and :attr:`pending` tells which are still on their way.
    """

    def __init__(self, fd: int, factory: Callable[[], asyncio.Protocol]) -> None:
        self._socket = socket.socket(fileno=fd)
        self._factory = factory
        self._loop = asyncio.get_running_loop()
        self._open = False
        self.pending: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Accept from now on, or again after :meth:`pause`."""
        self._socket.setblocking(False)
        self._open = True
        self._loop.add_reader(self._socket.fileno(), self._ready)

    def pause(self) -> None:
        """Accept no more, but keep the descriptor: new connections wait in the kernel."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket.fileno())

    def stop(self) -> None:
        """Accept no more and give up this process's descriptor; others keep theirs."""
        self.pause()
        self._socket.close()

    def _ready(self) -> None:
        if not self._open:
            return  # It was on its way already when pause() came.
        try:
            accepted, _ = self._socket.accept()
        except _TRANSIENT:
            return
        except OSError as error:
            self._back_off(error)
            return
        accepted.setblocking(False)
        task = self._loop.create_task(self._connect(accepted))
        self.pending.add(task)
        task.add_done_callback(self.pending.discard)

    async def _connect(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, accepted)
        except OSError as error:
            LOGGER.debug("Connection lost at once: %s", error)
            accepted.close()

    def _back_off(self, error: OSError) -> None:
        """Out of descriptors or memory: the connections wait in the kernel meanwhile."""
        LOGGER.error("Cannot accept: %s", error)
        self._loop.remove_reader(self._socket.fileno())
        self._loop.call_later(RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        if self._open:
            self._loop.add_reader(self._socket.fileno(), self._ready)
