"""The wrapper around an ASGI app: counts, says ``Connection: close`` when leaving, ends streams.

Lean on purpose: it runs for every request. Scope, ``receive`` and messages pass through as they
are; ``send`` goes through one plain function. The release id is not added here but by the server,
which writes it into answers of its own (400, 500) too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

from . import routes
from .metrics import Routes
from .state import ProcessState

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


class AsgiWrapper:
    """``app`` may be set after construction, before the first request.

    ``may_close`` is asked, with the server's own ``send``, whether an answer given while leaving
    may close its connection. ``start_error`` is what the app said when its lifespan start-up
    failed.
    """

    def __init__(
        self, state: ProcessState, metrics: Routes, may_close: Callable[[Send], bool]
    ) -> None:
        self.app: App = _missing
        self.start_error: BaseException | str | None = None
        self._state = state
        self._metrics = metrics
        self._may_close = may_close
        self._streams: dict[asyncio.Task[Any], bool] = {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request, WebSocket or lifespan."""
        kind = scope["type"]
        if kind == "lifespan":
            return await self._lifespan(scope, receive, send)
        if kind == "websocket":
            return await self._websocket(scope, receive, send)
        state = self._state
        task = asyncio.current_task()
        status = 500

        def observed(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if state.leaving and self._may_close(send):
                    message = _closing(message)
                if _is_endless(message):
                    self._streams[task] = False  # type: ignore[index]
            return send(message)

        state.requests += 1
        state.active += 1
        began = perf_counter()
        try:
            await self.app(scope, receive, observed)
        except asyncio.CancelledError:
            if not self._streams.get(task):  # type: ignore[arg-type]
                raise
            task.uncancel()  # type: ignore[union-attr]
            await send({"type": "http.response.body", "body": b""})
        finally:
            state.active -= 1
            self._streams.pop(task, None)  # type: ignore[arg-type]
            route = routes.of_scope(scope)
            self._metrics.record(scope["method"], route, status, perf_counter() - began)

    def end_streams(self) -> None:
        """Complete every endless response (server-sent events and the like) as if it had ended."""
        for task in [t for t, ended in self._streams.items() if not ended]:
            self._streams[task] = True
            task.cancel()

    async def _websocket(self, scope: Any, receive: Receive, send: Send) -> None:
        state, began, status = self._state, perf_counter(), 0

        def record(code: int) -> None:
            nonlocal status
            if status == 0:
                status = code
                route = routes.of_scope(scope)
                self._metrics.record("WEBSOCKET", route, code, perf_counter() - began)

        def observed(message: Message) -> Awaitable[None]:
            kind = message["type"]
            if kind == "websocket.accept":
                record(101)
            elif kind == "websocket.close":
                record(403)
            elif kind == "websocket.http.response.start":
                record(message["status"])
            return send(message)

        state.requests += 1
        state.websockets += 1
        try:
            await self.app(scope, receive, observed)
        finally:
            state.websockets -= 1
            record(500)

    async def _lifespan(self, scope: Any, receive: Receive, send: Send) -> None:
        started = False

        def observed(message: Message) -> Awaitable[None]:
            nonlocal started
            if message["type"] == "lifespan.startup.failed":
                self.start_error = message.get("message") or "the app gave no reason"
            started = started or message["type"] == "lifespan.startup.complete"
            return send(message)

        try:
            await self.app(scope, receive, observed)
        except BaseException as error:
            if not started and self.start_error is None:
                self.start_error = error
            raise


class Asgi2:
    """An ASGI 2 app (``app(scope)(receive, send)``) as an ASGI 3 app."""

    def __init__(self, app: Callable[[Any], Callable[[Receive, Send], Awaitable[None]]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request, WebSocket or lifespan."""
        await self._app(scope)(receive, send)


async def _missing(scope: Any, receive: Receive, send: Send) -> None:
    raise RuntimeError(f"a {scope['type']} scope came before the app was loaded")


def _closing(message: Message) -> Message:
    headers = [*message.get("headers", ()), (b"connection", b"close")]
    return {**message, "headers": headers}


def _is_endless(message: Message) -> bool:
    """Whether this response has no end by its nature, so that a leaving process must end it."""
    for name, value in message.get("headers", ()):
        if name.lower() == b"content-type":
            kind: bytes = value
            return kind.startswith((b"text/event-stream", b"multipart/x-mixed-replace"))
    return False
