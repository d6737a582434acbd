"""The connections of a hypercorn process: how to make, count, close and, in the end, abort them.

Here and nowhere else hypercorn's protocol objects are looked into; each attribute is one that they
have had since 0.17.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from . import servers
from .asgi_server import Idle
from .uvicorn_connections import has_input

RESTART: Final = 1012


class Entered:
    """What hypercorn calls for each request and WebSocket; knows which task answers on what."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self.tasks: dict[Any, asyncio.Task[Any]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any, *spawn: Any) -> None:
        """One call of the app."""
        task = asyncio.current_task()
        if scope["type"] == "lifespan" or task is None:
            return await self._app(scope, receive, send)
        self.tasks[send] = task
        try:
            return await self._app(scope, receive, send)
        finally:
            del self.tasks[send]


class _Protocol(asyncio.StreamReaderProtocol):
    def __init__(
        self,
        reader: asyncio.StreamReader,
        connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        lost: Callable[[asyncio.StreamReader], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(reader, connected, loop=loop)
        self._of = reader
        self._lost = lost

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost(self._of)


class Connections:
    """All connections of one process; ``linger_seconds`` is for how long an idle one is kept."""

    def __init__(self, config: Any, app: Entered, state: Any, linger_seconds: float) -> None:
        self._class = _connection_class(app)
        self._config = config
        self._app = app
        self._state = state
        self._context = servers.part("hypercorn.asyncio.worker_context").WorkerContext(None)
        self._loop = asyncio.get_running_loop()
        self._idle = Idle(linger_seconds)
        self._open: dict[asyncio.StreamReader, Any] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def protocol(self) -> asyncio.Protocol:
        """A protocol object for a connection that was accepted."""
        reader = asyncio.StreamReader(loop=self._loop)
        return _Protocol(reader, self._connected, self._lost, self._loop)

    def count(self) -> int:
        """Open connections, WebSockets included."""
        return len(self._open)

    def idle(self) -> int:
        """Open connections with no request in hand."""
        return sum(map(_is_idle, list(self._open.values())))

    def tasks(self) -> int:
        """Calls of the app that have not returned; they can outlive their connection."""
        return len(self._app.tasks)

    def gone(self) -> bool:
        """No connection is open and no task (a background task, say) runs."""
        return not self._open and not self._app.tasks

    def close_idle(self) -> None:
        """Close what has been idle for longer than any edge keeps an idle connection."""
        for connection in self._idle.lingering([c for c in self._open.values() if _is_idle(c)]):
            connection.writer.close()

    def keep_idle(self) -> None:
        """Idle connections are kept again: the next time that they are to go counts anew."""
        self._idle.clear()

    def close_websockets(self) -> None:
        """Close WebSockets with 1012, "service restart". Those that are closing already go on."""
        for connection in list(self._open.values()):
            stream = getattr(_protocol(connection), "stream", None)
            state = getattr(getattr(stream, "state", None), "name", "")
            if hasattr(stream, "handshake") and state == "CONNECTED":
                closing = {"type": "websocket.close", "code": RESTART, "reason": None}
                task = self._loop.create_task(stream.app_send(closing))  # type: ignore[union-attr]
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    def task_of(self, send: Any) -> asyncio.Task[Any] | None:
        """The task that answers on this ``send``."""
        return self._app.tasks.get(send)

    def abort(self) -> None:
        """Cancel what still runs and drop what is still open: the time is up."""
        for task in list(self._app.tasks.values()):
            task.cancel()
        for connection in list(self._open.values()):
            connection.writer.transport.abort()

    def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Awaitable[None]:
        """The connection is made: from now on it counts, though its task comes later."""
        connection = self._class(
            self._app, self._loop, self._config, self._context, self._state, reader, writer
        )
        self._open[reader] = connection
        return self._serve(connection)

    def _lost(self, reader: asyncio.StreamReader) -> None:
        """Its socket is gone; a call of the app may go on."""
        self._open.pop(reader, None)

    async def _serve(self, connection: Any) -> None:
        try:
            await connection.run()
        finally:
            self._open.pop(connection.reader, None)


def _connection_class(app: Entered) -> Any:
    base: Any = servers.part("hypercorn.asyncio.tcp_server").TCPServer

    class Connection(base):  # type: ignore[misc]
        async def _read_data(self) -> None:
            await super()._read_data()
            # A client that has left an idle connection would else be waited for until it is closed
            # for idleness, and one that has its answer for as long as the call of the app goes on.
            await self.idle_task.stop()
            if not any(_is_answering(send, self) for send in list(app.tasks)):
                self.writer.close()

    return Connection


def _is_answering(send: Any, connection: Any) -> bool:
    stream = getattr(send, "__self__", None)
    state = getattr(getattr(stream, "state", None), "name", "")
    return _connection_of(send) is connection and state in ("REQUEST", "RESPONSE", "TRAILERS")


def _connection_of(send: Any) -> Any:
    protocol = getattr(getattr(getattr(send, "__self__", None), "send", None), "__self__", None)
    return getattr(getattr(protocol, "send", None), "__self__", None)


def may_close(send: Any) -> bool:
    """Whether this response's connection may be closed behind it.

    Not while more of its request, or another request, is on the way: closing a socket with unread
    input makes the kernel reset it, and the client would lose the answer. ``send`` is the server's.
    """
    stream = getattr(send, "__self__", None)
    protocol = getattr(getattr(stream, "send", None), "__self__", None)
    parser = getattr(protocol, "connection", None)
    state = getattr(parser, "their_state", None)
    connection = _connection_of(send)
    if state is None or connection is None:
        return False  # HTTP/2, which knows no such header.
    unparsed = getattr(parser, "trailing_data", (b"",))[0] or getattr(
        connection.reader, "_buffer", b""
    )
    unread = str(state) == "SEND_BODY"
    return not (unread or unparsed or has_input(connection.writer.transport))


def _protocol(connection: Any) -> Any:
    """The HTTP protocol of a connection; ``None`` before its task has begun."""
    return getattr(getattr(connection, "protocol", None), "protocol", None)


def _is_idle(connection: Any) -> bool:
    protocol = _protocol(connection)
    if protocol is None:
        return False
    if hasattr(protocol, "streams"):
        return not protocol.streams
    return protocol.stream is None
