"""The wrapper around a WSGI app: counts, names the release, closes connections when leaving."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any, Final

from . import routes
from .board import Row
from .metrics import UNMATCHED, Routes

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_ENDLESS: Final = ("text/event-stream", "multipart/x-mixed-replace")


class WsgiWrapper:
    """``leaving`` and ``ending`` are asked for each response and each piece of an endless one.

    ``close_behind`` gets the server's own ``start_response`` of a response given while leaving.
    """

    def __init__(
        self,
        app: App,
        row: Row,
        metrics: Routes,
        *,
        release: str,
        leaving: Callable[[], bool],
        ending: Callable[[], bool],
        close_behind: Callable[[Callable[..., Any]], None],
    ) -> None:
        self.app = app
        self._cells = row.cells
        self._metrics = metrics
        self._headers = [("Tenfold-Release", release)] if release else []
        self._leaving = leaving
        self._ending = ending
        self._close_behind = close_behind
        self._lock = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """One request."""
        call = _Call(self, environ)
        with self._lock:
            self._cells[Row.ACTIVE] += 1

        def started(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            call.status = int(status[:3])
            call.endless = _is_endless(headers)
            # Read now: Flask takes its request out of the environ again.
            call.route = routes.of_environ(environ)
            if self._leaving():
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
            self._metrics.route(method, call.route).add(call.status, seconds)

    def ends(self) -> bool:
        """Whether endless responses shall end now."""
        return self._ending()


class _Call:
    """One request on its way; stands for the app's response body, so that its end is seen."""

    __slots__ = ("_body", "_wrapper", "began", "endless", "environ", "route", "status")

    def __init__(self, wrapper: WsgiWrapper, environ: dict[str, Any]) -> None:
        self._wrapper: WsgiWrapper | None = wrapper
        self._body: Iterable[bytes] = ()
        self.environ = environ
        self.status = 500
        self.route = UNMATCHED
        self.endless = False
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
            if wrapper is not None and wrapper.ends():
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
