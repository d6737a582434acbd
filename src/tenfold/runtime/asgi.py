"""The wrapper around an ASGI app: counts, says ``Connection: close`` when told to, ends streams.

Lean on purpose: it runs for every request. Scope, ``receive`` and messages pass through as they
are; ``send`` goes through one plain function. The release id is not added here but by the server,
which writes it into answers of its own (400, 500) too.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, MutableMapping
from math import inf
from time import perf_counter
from typing import Any, Final

from . import lines, routes
from .metrics import BOUNDS, MAX_ROUTES, Route, Routes
from .state import ProcessState

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

_set_current: Final = lines.current.set
_NOT_STARTED: Final[Message] = {"status": 500}


class AsgiWrapper:
    """``app`` may be set after construction, before the first request; and ``believe``, which puts
    what the edge says of the client into a scope.

    ``may_close`` is asked, with the server's own ``send``, whether an answer given while closing
    may close its connection. ``complain`` is told what an app raised behind its whole answer,
    where the server would close the connection without a word, so that the next request that the
    edge sends on it fails. ``start_error`` is what the app said when its lifespan start-up failed.
    """

    def __init__(
        self,
        state: ProcessState,
        metrics: Routes,
        may_close: Callable[[Send], bool],
        complain: Callable[[Exception], None] | None = None,
    ) -> None:
        self.app: App = _missing
        self.believe: Callable[[Any], None] = _nothing
        self.start_error: BaseException | str | None = None
        self._state = state
        self._metrics = metrics
        self._may_close = may_close
        self._complain = complain
        self._streams: dict[Send, bool] = {}
        self._known: dict[tuple[int, str], Route] = {}
        # Keeps alive what is known by its id.
        self._met: list[object] = []

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request, WebSocket or lifespan."""
        if scope["type"] != "http":
            return await self._other(scope, receive, send)
        _set_current(scope)
        self.believe(scope)
        state = self._state
        if state.gate is not None:
            await state.gate.wait()
        key = id(scope)
        start: Message = _NOT_STARTED
        ended = 0.0
        more: object = True

        def observed(message: Message) -> Awaitable[None]:
            nonlocal start, ended, more
            if message["type"] == "http.response.start":
                start = message
                if state.closing and self._may_close(send):
                    return send(_closing(message))
            else:
                ended = perf_counter()
                more = message.get("more_body")
                if more and send not in self._streams and _is_endless(start):
                    self._streams[send] = False
                    state.began[key] = inf
            return send(message)

        state.began[key] = began = perf_counter()
        try:
            await self.app(scope, receive, observed)
        except asyncio.CancelledError:
            if not self._streams.get(send):
                raise
            asyncio.current_task().uncancel()  # type: ignore[union-attr]
            await send({"type": "http.response.body", "body": b""})
        except Exception as error:
            if more or self._complain is None:
                raise
            self._complain(error)
        finally:
            del state.began[key]
            seconds = (ended or perf_counter()) - began
            if self._streams:
                self._streams.pop(send, None)
            route = scope.get("route")
            if inner := scope.get("fastapi"):
                route = inner.get("effective_route_context") or route
            counters = self._known.get((id(route), scope["method"])) or self._meet(scope, route)
            # As Route.add does, written out: a call costs a tenth of all this.
            counters.classes[start["status"] // 100 % 10] += 1
            counters.buckets[bisect_left(BOUNDS, seconds)] += 1
            counters.seconds += seconds

    def _meet(self, scope: Any, route: object) -> Route:
        """The counters for a route and method that came for the first time, or for no route."""
        counters = self._metrics.route(scope["method"], routes.of_scope(scope))
        if route is not None and len(self._known) < MAX_ROUTES:
            self._known[id(route), scope["method"]] = counters
            self._met.append(route)
        return counters

    def end_streams(self, task_of: Callable[[Send], asyncio.Task[Any] | None]) -> None:
        """Complete every endless response (server-sent events and the like) as if it had ended.

        ``task_of`` finds the task that answers on the server's ``send``.
        """
        for send in [s for s, ended in self._streams.items() if not ended]:
            task = task_of(send)
            if task is not None:
                self._streams[send] = True
                task.cancel()

    async def _other(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._lifespan(scope, receive, send)

    async def _websocket(self, scope: Any, receive: Receive, send: Send) -> None:
        _set_current(scope)
        self.believe(scope)
        state, began, status = self._state, perf_counter(), 0

        def record(code: int) -> None:
            nonlocal status
            if status == 0:
                status = code
                route = routes.of_scope(scope)
                self._metrics.route("WEBSOCKET", route).add(code, perf_counter() - began)

        def observed(message: Message) -> Awaitable[None]:
            kind = message["type"]
            if kind == "websocket.accept":
                record(101)
            elif kind == "websocket.close":
                record(403)
            elif kind == "websocket.http.response.start":
                record(message["status"])
            return send(message)

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


def _nothing(scope: Any) -> None:
    """Nobody says anything of the client."""


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
