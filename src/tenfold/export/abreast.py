"""Several processes with the app that share the pages: asked, and heard, in turns.

Page by page the next one's turn comes, so that the answers come in the order in which was asked,
whoever of them is faster; how far one is ahead is bounded by what its pipe takes.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType

from tenfold.export.renderer import Renderer, Start
from tenfold.wiring.rendering import RenderSettings


class Abreast:
    """So many processes, used like one :class:`Renderer`.

    Args:
        start: starts one.
        settings: what each is told.
        count: how many, at least one.
    """

    def __init__(self, start: Start, settings: RenderSettings, count: int) -> None:
        self._renderers = [Renderer(start, settings) for _ in range(count)]
        self._asked = 0
        self._heard = 0

    def __enter__(self) -> Abreast:
        with ExitStack() as begun:
            for renderer in self._renderers:
                begun.enter_context(renderer)
                renderer.tell()
            self._stack = begun.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, value, trace)

    def ready(self) -> None:
        """Wait until the app has started in all of them. Raises ``ExportError``."""
        for renderer in self._renderers:
            renderer.ready()

    @property
    def room(self) -> bool:
        """Whether one more page can be asked for now."""
        return self._next(self._asked).room

    @property
    def asked(self) -> str | None:
        """The page whose answer comes next, if one was asked for."""
        return self._next(self._heard).asked

    def ask(self, path: str) -> None:
        """Ask for a page with its body."""
        self._next(self._asked).ask(path, body=True)
        self._asked += 1

    def answer(self) -> Renderer:
        """Who answers next; what it says until the page's end is all of that page."""
        self._heard += 1
        return self._next(self._heard - 1)

    def _next(self, turn: int) -> Renderer:
        return self._renderers[turn % len(self._renderers)]
