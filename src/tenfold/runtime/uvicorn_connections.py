"""The connections of a uvicorn process: how to make, count, close and, in the end, abort them.

Here and nowhere else uvicorn's protocol objects are looked into; each attribute is one that both
its HTTP implementations have (h11, httptools) since 0.23.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import select
from typing import Any

from .asgi_server import Idle


class Connections:
    """All connections of one process; ``linger_seconds`` is for how long an idle one is kept."""

    def __init__(self, config: Any, server: Any, linger_seconds: float) -> None:
        self._config = config
        self._state = server.server_state
        self._idle = Idle(linger_seconds)
        self._arguments: dict[str, Any] = {"config": config, "server_state": self._state}
        if "app_state" in inspect.signature(config.http_protocol_class).parameters:
            self._arguments["app_state"] = server.lifespan.state

    def protocol(self) -> asyncio.Protocol:
        """A protocol object for a connection that was accepted."""
        made: asyncio.Protocol = self._config.http_protocol_class(**self._arguments)
        return made

    def count(self) -> int:
        """Open connections, WebSockets included."""
        return len(self._state.connections)

    def idle(self) -> int:
        """Open connections with no request in hand."""
        connections = list(self._state.connections)
        return sum(self._is_http(c) and _is_idle(c) for c in connections)

    def tasks(self) -> int:
        """Calls of the app that have not returned; they can outlive their connection."""
        return len(self._state.tasks)

    def gone(self) -> bool:
        """No connection is open and no task (a background task, say) runs."""
        return not self._state.connections and not self._state.tasks

    def close_idle(self) -> None:
        """Close what has been idle for longer than any edge keeps an idle connection."""
        idle = [c for c in self._state.connections if self._is_http(c) and _is_idle(c)]
        for connection in self._idle.lingering(idle):
            connection.transport.close()

    def keep_idle(self) -> None:
        """Idle connections are kept again: the next time that they are to go counts anew."""
        self._idle.clear()

    def close_websockets(self) -> None:
        """Close WebSockets with 1012, "service restart". Those that are closing already go on."""
        for connection in list(self._state.connections):
            if not self._is_http(connection) and not connection.transport.is_closing():
                connection.shutdown()

    def task_of(self, send: Any) -> asyncio.Task[Any] | None:
        """The task that answers on this ``send``: the one that runs its cycle's ``run_asgi``."""
        cycle = getattr(send, "__self__", None)
        for task in self._state.tasks:
            frame = getattr(task.get_coro(), "cr_frame", None)
            if cycle is not None and frame is not None and frame.f_locals.get("self") is cycle:
                found: asyncio.Task[Any] = task
                return found
        return None

    def abort(self) -> None:
        """Cancel what still runs and drop what is still open: the time is up."""
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()

    def _is_http(self, connection: Any) -> bool:
        return isinstance(connection, self._config.http_protocol_class)


def may_close(send: Any) -> bool:
    """Whether this response's connection may be closed behind it.

    Not while more of its request, or another request, is on the way: closing a socket with unread
    input makes the kernel reset it, and the client would lose the answer. ``send`` is the server's.
    """
    cycle = getattr(send, "__self__", None)
    protocol = getattr(getattr(cycle, "on_response", None), "__self__", None)
    unread = getattr(cycle, "more_body", False)
    parsed_ahead = getattr(protocol, "pipeline", None)
    unparsed = getattr(getattr(protocol, "conn", None), "trailing_data", (b"",))[0]
    transport = getattr(cycle, "transport", None)
    return not (unread or parsed_ahead or unparsed or has_input(transport))


def complain(error: Exception) -> None:
    """Log what an app raised behind its whole answer, with the words of the server.

    Starlette answers an error with a 500 and raises it again, so that servers log it. uvicorn then
    closes the connection, too, without having said so in the answer (``run_asgi`` of both of its
    HTTP protocols): an edge that keeps connections would send the next request into it.
    """
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)


def _is_idle(connection: Any) -> bool:
    cycle = getattr(connection, "cycle", None)
    return cycle is None or bool(cycle.response_complete)


def has_input(transport: asyncio.Transport | None) -> bool:
    """Whether bytes wait in the kernel that the event loop has not read yet."""
    peer = transport.get_extra_info("socket") if transport is not None else None
    if peer is None or peer.fileno() < 0:
        return False
    poll = select.poll()
    poll.register(peer.fileno(), select.POLLIN)
    return bool(poll.poll(0))
