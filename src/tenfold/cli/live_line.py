"""One line that says what is being done, and a tick for what is done."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text

from tenfold.cli.output import Output

QUIET_SECONDS = 5.0
"""Where nobody watches a live line, a line is printed so often."""


class LiveLine:
    """Progress for people, who see a line that changes, and for programs."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._text = ""
        self._began = time.monotonic()
        self._told = time.monotonic()
        self._guard = threading.Lock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self.go_on()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pause()

    def go_on(self) -> None:
        """Show what is being done from now on."""
        if self._output.live and self._live is None:
            self._live = Live(
                get_renderable=self._draw, console=self._output.console, transient=True
            )
            self._live.start()

    def pause(self) -> None:
        """Show nothing for a while."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def doing(self, text: str) -> None:
        """Something begins."""
        with self._guard:
            self._text, self._began = text, time.monotonic()
        self._now_and_then(text)

    def done(self, text: str, seconds: float) -> None:
        """Something is done."""
        self._line(text, seconds)
        self._output.event("finished", {"text": text, "seconds": round(seconds, 3)})

    def _going_on(self, text: str, what: str, data: dict[str, object]) -> None:
        """The same goes on: ``what`` is how its line begins, from whose first time it is timed."""
        with self._guard:
            if not self._text.startswith(what):
                self._began = time.monotonic()
            self._text = text
        self._now_and_then(text, data)

    def _line(self, text: str, seconds: float) -> None:
        self._output.line(f"  ✓ {text:<52}{seconds:>7.1f} s")

    def _now_and_then(self, text: str, data: dict[str, object] | None = None) -> None:
        """For whoever reads a file or a pipe: a line every few seconds."""
        now = time.monotonic()
        if self._output.live or now - self._told < QUIET_SECONDS:
            return
        self._told = now
        self._output.line(f"  · {text}", style="dim")
        self._output.event("progress", {"text": text, **(data or {})})

    def _draw(self) -> Text:
        with self._guard:
            text, began = self._text, self._began
        if not text:
            return Text("")
        line = f"  · {text}"
        return Text(f"{line[:70]:<56}{time.monotonic() - began:>7.1f} s", style="dim")
