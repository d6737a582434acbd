"""Being asked to end: Ctrl-C, SIGTERM and SIGHUP, while there is something to be taken back.

Python raises ``KeyboardInterrupt`` in the main thread, wherever that stands. :func:`one_at_most`
lets the first of these signals do that, once; whatever comes later waits, so that nothing that is
taken back is cut off. :func:`at_once` works in several threads and returns, or raises, when
nobody is left at work: orders that others carry out are broken off (:func:`breakable`), and no
further ones are given (:func:`check`), as if each thread had been the main one.

Who installs no handlers that are Python's, or is no main thread, is not asked: for it nothing
changes.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from queue import SimpleQueue
from types import FrameType
from typing import Any, Final

SIGNALS: Final[tuple[int, ...]] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], Any]


class Guard:
    """Lets the first signal through; see :func:`one_at_most`."""

    def __init__(self) -> None:
        self.holds = False
        self.came: list[int] = []
        self.before: dict[int, Handler] = {}
        self.wake: Callable[[], None] | None = None

    def hold(self) -> None:
        """From now on signals wait, the first one as well."""
        self.holds = True

    def let_through(self, signum: int, frame: FrameType | None) -> None:
        """What this signal did before, unless it has to wait."""
        if not self.holds:
            self.holds = True
            self.before[signum](signum, frame)
            return
        self.came.append(signum)
        if self.wake is not None:
            self.wake()


_guard: Guard | None = None


@contextmanager
def one_at_most() -> Iterator[Guard]:
    """While the block runs one signal is heard, and those behind it wait.

    Where the block raises, they had their way. Where it does not, the first of them is heard at
    its end. Within another such block, what was held there stays held.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Guard()
        return
    with _installed() as guard:
        held = guard.holds
        yield guard
        guard.holds = held
        if guard.came and not held:
            guard.let_through(guard.came.pop(0), None)


@contextmanager
def _installed() -> Iterator[Guard]:
    """The guard that there is, or a new one with its handlers for as long as the block runs."""
    global _guard
    if _guard is not None:
        yield _guard
        return
    guard = Guard()
    for signum in SIGNALS:
        handler = signal.getsignal(signum)
        if callable(handler):
            guard.before[signum] = handler
    _guard = guard
    try:
        for signum in guard.before:
            signal.signal(signum, guard.let_through)
        yield guard
    finally:
        _guard = None
        for signum, handler in guard.before.items():
            signal.signal(signum, handler)


class _Scope:
    """Orders that are broken off together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._broken: set[socket.socket] = set()
        self.is_over = False

    def end(self) -> None:
        with self._lock:
            self.is_over = True
            self._broken = set(self._open)
            for connection in self._broken:
                with suppress(OSError):  # it has ended by itself
                    connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def having(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            if self.is_over:
                raise KeyboardInterrupt
            self._open.add(connection)
        try:
            yield
        except Exception:
            if connection in self._broken:
                raise KeyboardInterrupt from None
            raise
        finally:
            with self._lock:
                self._open.discard(connection)


_scope: ContextVar[_Scope | None] = ContextVar("_scope", default=None)


def check() -> None:
    """Raise ``KeyboardInterrupt`` in a thread whose work is not wanted any more."""
    scope = _scope.get()
    if scope is not None and scope.is_over:
        raise KeyboardInterrupt


@contextmanager
def breakable(connection: socket.socket) -> Iterator[None]:
    """While the block runs this connection may be broken off, from another thread.

    Raises:
        KeyboardInterrupt: it was, or would be.
    """
    scope = _scope.get()
    if scope is None:
        yield
        return
    with scope.having(connection):
        yield


def at_once(
    calls: Sequence[Callable[[], None]],
    waits: Callable[[Sequence[int]], None] = lambda left: None,
) -> None:
    """Make all calls at the same time; returns, or raises, when the last has ended.

    Args:
        calls: what to do, each in a thread of its own.
        waits: told the numbers of those still at work, once it was asked to end.

    Raises:
        KeyboardInterrupt: it was asked to end.
        BaseException: the failure of the first in order that failed.
    """
    if not calls:
        return
    scope = _scope.get() or _Scope()
    ended: SimpleQueue[Future[None] | None] = SimpleQueue()
    with one_at_most() as guard:
        try:
            if not guard.holds:
                guard.wake = lambda: ended.put(None)  # reentrant, so a signal's handler may
                guard.hold()
            with ThreadPoolExecutor(len(calls), thread_name_prefix="order") as threads:
                futures = [threads.submit(_within, scope, call) for call in calls]
                for future in futures:
                    future.add_done_callback(ended.put)
                _see_out(futures, ended, scope, waits)
        finally:
            guard.wake = None
    for future in futures:
        future.result()


def _see_out(
    futures: Sequence[Future[None]],
    ended: SimpleQueue[Future[None] | None],
    scope: _Scope,
    waits: Callable[[Sequence[int]], None],
) -> None:
    left = len(futures)
    while left:
        if ended.get() is not None:
            left -= 1
        elif not scope.is_over:
            scope.end()
            waits([number for number, future in enumerate(futures) if not future.done()])


def _within(scope: _Scope, call: Callable[[], None]) -> None:
    token = _scope.set(scope)
    try:
        call()
    finally:
        _scope.reset(token)
