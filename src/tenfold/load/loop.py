"""An event loop whose timers are exact to some tens of microseconds.

``epoll_wait`` takes whole milliseconds and asyncio rounds up, so that every request of an open-loop
load would be sent half a millisecond late on average. ``select`` takes microseconds, and an epoll
descriptor can itself be selected: wait with the one, collect with the other.
"""

from __future__ import annotations

import asyncio
import select
import selectors

_SELECT_LIMIT = 1024  # FD_SETSIZE: select() cannot look at descriptors from here on


class ExactSelector(selectors.EpollSelector):
    """``epoll`` with timeouts finer than a millisecond."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As its base; waits with ``select(2)`` where there is a timeout to keep."""
        if timeout is None or timeout <= 0 or self.fileno() >= _SELECT_LIMIT:
            return super().select(timeout)
        select.select((self.fileno(),), (), (), timeout)
        return super().select(0)


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop for :func:`tenfold.load.run_load`: ``asyncio.Runner(loop_factory=new_loop)``."""
    return asyncio.SelectorEventLoop(ExactSelector())
