"""gunicorn's sync and threaded workers, taught to wait for orders and to leave without a loss.

Made as subclasses at run time, because gunicorn comes from the app's environment. What is
overridden has kept its name and meaning from gunicorn 21 to 27: ``load_wsgi``, ``run``, ``notify``
(called once per turn of the main loop), ``handle_exit``; of the sync worker ``wait`` and
``accept``; of the threaded worker ``enqueue_req`` and ``finish_request``.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import select
import selectors
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..wiring import control
from . import importing, metrics, probe, refreshing, routes
from .board import ACCEPT, HOLD, LEAVE, Row, order_of
from .failures import StartFailed
from .wsgi import WsgiWrapper

if TYPE_CHECKING:
    from .gunicorn_group import Group

WAKE: Final = "wake"
BOOT_FAILED: Final = 3
RETRY_SECONDS: Final = 1.0
TURN_SECONDS: Final = 1.0


def install(group: Group, *, threaded: bool) -> str:
    """Make the class of this group's workers; its dotted name, which is how gunicorn wants it."""
    name = "gthread" if threaded else "sync"
    module = importlib.import_module(f"gunicorn.workers.{name}")
    base = module.ThreadWorker if threaded else module.SyncWorker
    leaving = _ThreadedLeaving if threaded else _SyncLeaving
    globals()[name] = type(name, (leaving, _Worker, base), {"group": group})
    return f"{__name__}.{name}"


class _Worker:
    """What both kinds do: boot, wait, answer the master, leave."""

    group: Group
    # From gunicorn's class:
    PIPE: list[int]
    wsgi: Any
    app: Any
    log: Any
    cfg: Any
    sockets: list[Any]
    is_parent_alive: Callable[[], bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Runs in the master, before the fork.
        self.leaving = self.left = False
        self.number, self.channel = self.group.place()
        self.row = self.group.board.row(self.number)
        self.probes: queue.SimpleQueue[tuple[dict[str, Any], queue.SimpleQueue[Any]]]
        self.probes = queue.SimpleQueue()
        super().__init__(*args, **kwargs)

    @property
    def alive(self) -> bool:
        """gunicorn's main loops run while this holds; setting it to false begins to leave."""
        return not self.left

    @alive.setter
    def alive(self, value: bool) -> None:
        if not value:
            self.leave()

    def init_process(self) -> None:
        """In the worker: drop what is the master's, then boot and run."""
        self.group.in_worker(self.channel)
        super().init_process()  # type: ignore[misc]

    def load_wsgi(self) -> None:
        """Import the app; a failure before anything was served stops the whole group."""
        try:
            super().load_wsgi()  # type: ignore[misc]
        except StartFailed as failure:
            self.fail(str(failure))
        self.wrapper = WsgiWrapper(
            self.wsgi,
            self.row,
            metrics.Routes(),
            release=self.group.settings.release,
            closing=lambda: self.closing,
            gated=lambda: self.group.board.gated,
            ending=lambda: self.group.board.ending,
            closes=lambda: self.group.board.closes,
            close_behind=_close_behind,
        )
        self.wsgi = self.wrapper

    def fail(self, error: str) -> None:
        """Tell why the app cannot be imported and exit."""
        if self.group.serves():
            print(error, file=sys.stderr, flush=True)  # noqa: T201
            # The others serve: gunicorn tries again, but not in a tight loop.
            time.sleep(RETRY_SECONDS)
            sys.exit(1)
        self.group.board.error = error
        sys.exit(BOOT_FAILED)

    def run(self) -> None:
        """Wait for the order to accept, then serve until the last connection is gone."""
        self.channel.serve(self.answer)
        # It accepts nothing yet, so it obeys a hold before it can be seen not to.
        self.row.cells[Row.OBEYED] = self.group.board.serial
        self.row.cells[Row.BOOTED] = 1
        self.stay()
        if not self.leaving:
            super().run()  # type: ignore[misc]

    def stay(self) -> None:
        """Wait until connections may be accepted, or the worker is to leave."""
        while order_of(serial := self.group.board.serial) != ACCEPT and not self.leaving:
            self.row.cells[Row.OBEYED] = serial
            _Worker.notify(self)
            if not self.is_parent_alive():
                self.leaving = self.left = True
                return
            with contextlib.suppress(BlockingIOError):
                select.select([self.PIPE[0]], [], [], TURN_SECONDS)
                os.read(self.PIPE[0], 4096)

    def notify(self) -> None:
        """Once per turn of the main loop, in the main thread: beat, probe, look at the order."""
        super().notify()  # type: ignore[misc]
        while not self.probes.empty():
            message, answers = self.probes.get()
            self.run_probe(message, answers)
        if self.group.board.order == LEAVE and not self.leaving:
            self.leave()

    @property
    def closing(self) -> bool:
        """Whether answers shall close their connections."""
        return self.leaving or self.group.board.closing

    def leave(self) -> None:
        """Take no more connections; at the end of the last one be gone."""
        raise NotImplementedError

    def wake(self) -> None:
        """Make the main loop turn now."""
        with contextlib.suppress(BlockingIOError):
            os.write(self.PIPE[1], b"w")

    def answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Answer the master; called in the channel's thread."""
        name = message.get("order")
        if name == WAKE:
            self.wake()
            return None
        if name == control.METRICS:
            return {"ok": True, "routes": self.wrapper.snapshot()}
        if name == control.REFRESH:
            return refreshing.in_thread(message)
        if name == control.PROBE:
            answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
            self.probes.put((message, answers))
            self.wake()
            try:
                return answers.get(timeout=probe.WITHIN_SECONDS)
            except queue.Empty:
                return probe.too_slow(str(message.get("path", "/")))
        return {"ok": False, "error": f"unknown order {name!r}"}

    def run_probe(self, message: dict[str, Any], answers: queue.SimpleQueue[Any]) -> None:
        """Ask the app, where it is used to being called."""
        path, host = str(message.get("path", "/")), str(message.get("host", "localhost"))
        answers.put(probe.ask_wsgi(self.wrapper.app, path, host))


class _SyncLeaving(_Worker):
    """One request at a time: it may go when the one at hand is answered."""

    def wait(self, timeout: float) -> Any:
        """As gunicorn's, which looks only every half of the worker timeout for a dead master."""
        return super().wait(min(timeout, TURN_SECONDS))  # type: ignore[misc]

    def accept(self, listener: Any) -> None:
        """One connection and its request, unless the order is another meanwhile."""
        self.stay()
        if not self.leaving:
            super().accept(listener)  # type: ignore[misc]

    def leave(self) -> None:
        """The main loop looks at ``alive`` after each request."""
        self.leaving = self.left = True
        self.wake()


class _ThreadedLeaving(_Worker):
    """Many connections, most of them idle: they are kept until their client is done with them."""

    poller: selectors.BaseSelector
    tpool: Any
    _accepting: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.at_work = 0
        self.counting = threading.Lock()
        self.listening: list[Any] = []
        self.paused: list[selectors.SelectorKey] | None = None
        self.cut = 0.0
        super().__init__(*args, **kwargs)

    def leave(self) -> None:
        """Only a flag: this may be called by a signal or in a thread."""
        self.leaving = True
        self.wake()

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM."""
        self.leave()

    def run(self) -> None:
        """As gunicorn's, with the wake-up pipe in its poller."""
        self.listening = list(self.sockets)
        self.poller.register(self.PIPE[0], selectors.EVENT_READ, self._drain)
        super().run()

    def notify(self) -> None:
        """Once per turn: besides the rest, obey, count, and see whether all are gone."""
        super().notify()
        serial = self.group.board.serial
        self._obey(order_of(serial))
        self._cut_keepalive()
        cells = self.row.cells
        cells[Row.CONNECTIONS] = connections = self.open_connections()
        cells[Row.IDLE] = max(connections - cells[Row.ACTIVE], 0)
        if order_of(serial) == HOLD:
            cells[Row.OBEYED] = serial
        if self.leaving:
            self.left = connections == 0

    def open_connections(self) -> int:
        """Those at work in a thread and those that the poller waits for."""
        with self.counting:
            at_work = self.at_work
        sockets = sum(hasattr(key.fileobj, "recv") for key in self._polled())
        return at_work + sockets - self._listeners_polled()

    def enqueue_req(self, conn: Any) -> None:
        """A connection goes to a thread."""
        with self.counting:
            self.at_work += 1
        super().enqueue_req(conn)  # type: ignore[misc]

    def finish_request(self, *args: Any) -> None:
        """It comes back: to the poller, or closed."""
        try:
            super().finish_request(*args)  # type: ignore[misc]
        finally:
            with self.counting:
                self.at_work -= 1
            if self.closing:
                self.wake()

    def run_probe(self, message: dict[str, Any], answers: queue.SimpleQueue[Any]) -> None:
        """In a thread of the pool, as any request."""
        self.tpool.submit(super().run_probe, message, answers)

    def _polled(self) -> list[selectors.SelectorKey]:
        # Up to gunicorn 23 threads register connections themselves, under this lock.
        with getattr(self, "_lock", None) or contextlib.nullcontext():
            return list((self.poller.get_map() or {}).values())

    def _listeners_polled(self) -> int:
        return sum(any(key.fileobj is s for s in self.listening) for key in self._polled())

    def _obey(self, order: int) -> None:
        if self.leaving:
            self._pause()
            while self.listening:
                self.listening.pop().close()
        elif order == HOLD:
            self._pause()
        elif order == ACCEPT and self.paused is not None:
            self._resume()

    def _pause(self) -> None:
        """Take the listeners out of the poller, and out of gunicorn's sight."""
        if self.paused is None:
            self.paused = []
            for listener in self.sockets:
                # gunicorn has taken it out itself if there are too many connections.
                with contextlib.suppress(KeyError, ValueError):
                    self.paused.append(self.poller.unregister(listener))
            self.sockets = []

    def _resume(self) -> None:
        keys, self.paused = self.paused or [], None
        for key in keys:
            self.poller.register(key.fileobj, key.events, key.data)
        self.sockets = list(self.listening)
        # From 24 on gunicorn compares this with what it finds right in each turn.
        self._accepting = bool(keys)

    def _cut_keepalive(self) -> None:
        """While closing, keep an idle connection for less long, but longer than the edge does."""
        usual = self.group.settings.keepalive_seconds
        cut = usual - self.group.settings.linger_seconds if self.closing else 0.0
        if cut != self.cut:
            # In this order, or one that becomes idle meanwhile might be cut twice and be closed.
            for connection in self._waiting():
                connection.timeout -= cut - self.cut
            self.cfg.set("keepalive", int(usual - cut))
            self.cut = cut

    def _waiting(self) -> list[Any]:
        """Connections that gunicorn closes when they have been idle for too long."""
        names = ("keepalived_conns", "pending_conns", "_keep")  # the last up to 23
        return [c for name in names for c in list(getattr(self, name, ()))]

    def _drain(self, descriptor: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(descriptor, 4096)


def _close_behind(start_response: Callable[..., Any]) -> None:
    """Close the connection behind this response, unless more input is on its way.

    Closing a socket with unread input makes the kernel reset it, and the client would lose the
    answer. ``start_response`` is a method of gunicorn's response.
    """
    response = getattr(start_response, "__self__", None)
    if response is None or _has_input(response):
        return
    response.force_close()


def _has_input(response: Any) -> bool:
    body = getattr(response.req, "body", None)
    unread = getattr(getattr(body, "reader", None), "length", 0)
    buffered = response.req.unreader.buf.getvalue()
    readable, _, _ = select.select([response.sock], [], [], 0)
    return bool(unread or buffered or readable)


def load(entry: str) -> Any:
    """The WSGI app.

    Raises:
        StartFailed: it cannot be imported, or is an ASGI app.
    """
    app = importing.load(entry)
    if importing.interface(app) != "wsgi":
        raise StartFailed(f"{entry} is an ASGI app, and gunicorn serves WSGI apps: use uvicorn")
    routes.watch_django(app)
    return app
