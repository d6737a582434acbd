"""What an asyncio server has to offer so that :mod:`.asgi_process` can run an app under it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol


class Connections(Protocol):
    """All connections of one process: how to make, count, close and, in the end, abort them."""

    def protocol(self) -> asyncio.Protocol:
        """A protocol object for a connection that was accepted."""

    def count(self) -> int:
        """Open connections, WebSockets included."""

    def idle(self) -> int:
        """Open connections with no request in hand."""

    def tasks(self) -> int:
        """Calls of the app that have not returned; they can outlive their connection."""

    def gone(self) -> bool:
        """No connection is open and no task (a background task, say) runs."""

    def close_idle(self) -> None:
        """Close what has been idle for longer than any edge keeps an idle connection."""

    def keep_idle(self) -> None:
        """Idle connections are kept again: the next time that they are to go counts anew."""

    def close_websockets(self) -> None:
        """Close WebSockets with 1012, "service restart". Those that are closing already go on."""

    def task_of(self, send: Any) -> asyncio.Task[Any] | None:
        """The task that answers on this ``send``, which is the server's own."""

    def abort(self) -> None:
        """Cancel what still runs and drop what is still open: the time is up."""


class AsgiServer(Protocol):
    """A server in one process, without its listening."""

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """The event loop that it wants; ``None`` for Python's own."""

    async def start(self) -> None:
        """Import the app and run its lifespan start-up.

        Raises:
            StartFailed: one of them failed.
        """

    def connections(self) -> Connections:
        """To be called once, after :meth:`start`."""

    async def tick(self) -> None:
        """Called every second."""

    async def stop(self) -> None:
        """Run the app's lifespan shutdown; no connection is open any more."""

    async def probe(self, path: str, host: str) -> dict[str, Any]:
        """The app's own answer to ``GET path``; see :mod:`.probe`."""


class Idle:
    """For how long connections have been idle, so that those that linger are closed."""

    def __init__(self, linger_seconds: float) -> None:
        self._linger_seconds = linger_seconds
        self._loop = asyncio.get_running_loop()
        self._since: dict[Any, float] = {}

    def lingering(self, idle: list[Any]) -> list[Any]:
        """Those of the connections that are idle now that have been so for too long."""
        now = self._loop.time()
        before, self._since = self._since, {}
        for connection in idle:
            self._since[connection] = before.get(connection, now)
        return [c for c, since in self._since.items() if now - since > self._linger_seconds]

    def clear(self) -> None:
        """Count anew."""
        self._since.clear()
