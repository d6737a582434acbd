"""The second look: every page is made once more, in another process, a little later.

What differs then is not static: the time, a random token, the order of a set. The other process has
other memory, another start and other random numbers; a second in between shows clocks.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import Final

from tenfold.errors import ExportError, TenfoldError
from tenfold.export.renderer import Ended, Failed, Renderer, Start, Started
from tenfold.wiring.rendering import RenderSettings

LATER_SECONDS: Final = 1.1


@dataclass(frozen=True, slots=True)
class Made:
    """How a page was at first: ``at`` on the monotonic clock."""

    path: str
    status: int
    sha256: str
    at: float


class SecondLook(threading.Thread):
    """Compares in the background; :meth:`add` what was made, then :meth:`finish`."""

    def __init__(self, start: Start, settings: RenderSettings) -> None:
        super().__init__(daemon=True)
        self._start_process = start
        self._settings = settings
        self._made: deque[Made] = deque()
        self._changed = threading.Condition()
        self._complete = False
        self._given_up = False
        self._renderer: Renderer | None = None
        self.differing: list[str] = []
        self.error: BaseException | None = None

    def add(self, made: Made) -> None:
        """A page was made, and is to be made again."""
        with self._changed:
            self._made.append(made)
            self._changed.notify()

    def finish(self) -> list[str]:
        """Wait until all is compared; gives the pages that differ, in the order they were made.

        Raises:
            TenfoldError: it could not be done.
        """
        self._close(complete=True)
        self.join()
        if self.error is not None:
            raise self.error
        return self.differing

    def give_up(self) -> None:
        """Nobody wants to know any more, not even of the page that is made just now."""
        self._close(given_up=True)
        self.join()

    @property
    def left(self) -> int:
        """How many pages are to be compared still."""
        return len(self._made)

    def run(self) -> None:
        """Compare until there is nothing left."""
        try:
            with Renderer(self._start_process, self._settings) as renderer:
                self._begin(renderer)
                renderer.tell()
                renderer.ready()
                self._compare(renderer)
        except _GivenUp:
            return
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the end
            self.error = error

    def _close(self, *, complete: bool = False, given_up: bool = False) -> None:
        with self._changed:
            self._complete |= complete
            self._given_up |= given_up
            self._changed.notify()
            if given_up and self._renderer is not None and self.is_alive():
                self._renderer.kill()

    def _begin(self, renderer: Renderer) -> None:
        with self._changed:
            if self._given_up:
                raise _GivenUp
            self._renderer = renderer

    def _compare(self, renderer: Renderer) -> None:
        asked: deque[Made] = deque()
        while True:
            while renderer.room and (made := self._next(wait=not asked)) is not None:
                asked.append(made)
                renderer.ask(made.path, body=False)
            if not asked:
                return
            made = asked.popleft()
            if not self._same(renderer, made):
                self.differing.append(made.path)

    def _next(self, *, wait: bool) -> Made | None:
        """The next page whose time has come; ``None`` if there is none, or with ``wait`` none will
        ever be."""
        with self._changed:
            while True:
                if self._given_up:
                    raise _GivenUp
                due = self._made[0].at + LATER_SECONDS - monotonic() if self._made else None
                if due is not None and due <= 0:
                    return self._made.popleft()
                if not wait or (due is None and self._complete):
                    return None
                self._changed.wait(due)

    def _same(self, renderer: Renderer, made: Made) -> bool:
        status = 0
        deadline = renderer.began()
        while True:
            match renderer.event(deadline):
                case Started(head):
                    status = head.status
                case Ended() as ended:
                    return (status, ended.sha256) == (made.status, made.sha256)
                case Failed() as failed:
                    raise _could_not(made, failed)
                case _:
                    pass  # a body, which nobody asked for


def _could_not(made: Made, failed: Failed) -> TenfoldError:
    return ExportError(
        f"{made.path} {failed.what} when it was made a second time",
        detail=failed.detail,
        next="a page of a static site can be made as often as one likes; --once makes each once",
    )


class _GivenUp(Exception):
    pass
