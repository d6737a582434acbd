"""The wrapper around a WSGI app: counts, names the release, closes connections when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter, sleep
from typing import Any, Final

from . import lines, routes
from .board import Row
from .metrics import UNMATCHED, Routes

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
GATE_SECONDS: Final = 0.005
_ENDLESS: Final = ("text/event-stream", "multipart/x-mixed-replace")


class WsgiWrapper:
    """A request waits while ``gated`` says so: it came on a kept connection while others wait
    elsewhere. ``closing`` is asked for each response: shall its connection be closed behind it?

    ``close_behind`` then gets the server's own ``start_response``. An endless response ends when
    ``closes`` gives another number than at its start, or when ``ending`` says so.
    """

    def __init__(
        self,
        app: App,
        row: Row,
        metrics: Routes,
        *,
        release: str,
        gated: Callable[[], bool],
        closing: Callable[[], bool],
        ending: Callable[[], bool],
        closes: Callable[[], int],
        close_behind: Callable[[Callable[..., Any]], None],
    ) -> None:
        self.app = app
        self._cells = row.cells
        self._metrics = metrics
        self._headers = [("Tenfold-Release", release)] if release else []
        self._gated = gated
        self._closing = closing
        self._ending = ending
        self._closes = closes
        self._close_behind = close_behind
        self._lock = threading.Lock()
        # Those with an end, the oldest first, and when they began as the board has it.
        self._running: dict[_Call, int] = {}

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """One request."""
        # Stays until the next one: servers tell of what an app raised behind its end.
        lines.current.set(environ.get(lines.VARIABLE))
        while self._gated():
            sleep(GATE_SECONDS)
        call = _Call(self, environ)
        with self._lock:
            self._cells[Row.ACTIVE] += 1
            self._running[call] = int(call.began * 1e6)
            self._note_oldest()

        def started(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            call.status = int(status[:3])
            if _is_endless(headers):
                self._never_ends(call)
            # Read now: Flask takes its request out of the environ again.
            call.route = routes.of_environ(environ)
            if self._closing():
                self._close_behind(start_response)
            return start_response(status, [*headers, *self._headers], *error)

        try:
            body = self.app(environ, started)
        except BaseException:
            call.close()
            raise
        return call.wrap(body)

    def snapshot(self) -> list[dict[str, Any]]:
        """The metrics of this worker."""
        with self._lock:
            return self._metrics.snapshot()

    def finish(self, call: _Call) -> None:
        """Count a response that has been sent, or has failed."""
        method, seconds = call.environ["REQUEST_METHOD"], perf_counter() - call.began
        with self._lock:
            self._cells[Row.ACTIVE] -= 1
            self._cells[Row.REQUESTS] += 1
            if self._running.pop(call, None):
                self._note_oldest()
            self._metrics.route(method, call.route).add(call.status, seconds)

    def ends(self, call: _Call) -> bool:
        """Whether this endless response shall end now."""
        return self._ending() or self._closes() != call.closes

    def _never_ends(self, call: _Call) -> None:
        call.endless, call.closes = True, self._closes()
        with self._lock:
            if self._running.pop(call, None):
                self._note_oldest()

    def _note_oldest(self) -> None:
        """Under the lock."""
        self._cells[Row.OLDEST] = next(iter(self._running.values()), 0)


class _Call:
    """One request on its way; stands for the app's response body, so that its end is seen."""

    __slots__ = ("_body", "_wrapper", "began", "closes", "endless", "environ", "route", "status")

    def __init__(self, wrapper: WsgiWrapper, environ: dict[str, Any]) -> None:
        self._wrapper: WsgiWrapper | None = wrapper
        self._body: Iterable[bytes] = ()
        self.environ = environ
        self.status = 500
        self.route = UNMATCHED
        self.endless = False
        self.closes = 0
        self.began = perf_counter()

    def wrap(self, body: Iterable[bytes]) -> Iterable[bytes]:
        self._body = body
        file_wrapper = self.environ.get("wsgi.file_wrapper")
        if isinstance(file_wrapper, type) and isinstance(body, file_wrapper):
            # The server sends files by sendfile(2) if it gets its own wrapper: watch that one.
            original = getattr(body, "close", None)
            body.close = _both(original, self.close)  # type: ignore[attr-defined]
            self._body = ()
            return body
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self._until_ended() if self.endless else iter(self._body)

    def _until_ended(self) -> Iterator[bytes]:
        wrapper = self._wrapper
        for chunk in self._body:
            yield chunk
            if wrapper is not None and wrapper.ends(self):
                return

    def close(self) -> None:
        wrapper, self._wrapper = self._wrapper, None
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            if wrapper is not None:
                wrapper.finish(self)


def _both(first: Callable[[], None] | None, second: Callable[[], None]) -> Callable[[], None]:
    def close() -> None:
        try:
            if first is not None:
                first()
        finally:
            second()

    return close


def _is_endless(headers: list[tuple[str, str]]) -> bool:
    for name, value in headers:
        if name.lower() == "content-type":
            return value.startswith(_ENDLESS)
    return False
