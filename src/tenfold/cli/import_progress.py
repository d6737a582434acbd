"""How an import goes, told as it happens: a live line, and a tick per table."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.live import Live
from rich.text import Text

from tenfold.cli.output import Output
from tenfold.importing.model import Copy
from tenfold.observe.report.figures import count

QUIET_SECONDS = 5.0
"""Where nobody watches a live line, a line is printed so often."""


class ImportProgress:
    """A :class:`tenfold.importing.listener.Listener` for people and for programs."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._text = ""
        self._began = time.monotonic()
        self._told = time.monotonic()
        self._guard = threading.Lock()
        self._live: Live | None = None

    def __enter__(self) -> ImportProgress:
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
        """See the protocol."""
        with self._guard:
            self._text, self._began = text, time.monotonic()
        self._now_and_then(text)

    def rows(self, copy: Copy, rows: int) -> None:
        """See the protocol."""
        text = f"copying {copy.target.name}: {rows:,} of {count(copy.source.rows, 'row')}"
        with self._guard:
            if not self._text.startswith(f"copying {copy.target.name}:"):
                self._began = time.monotonic()
            self._text = text
        self._now_and_then(text, {"table": str(copy.target.name), "rows": rows})

    def copied(self, copy: Copy, seconds: float) -> None:
        """See the protocol."""
        rows = copy.source.rows
        self._line(f"{copy.target.name}, {count(rows, 'row')}", seconds)
        told = {"table": str(copy.target.name), "rows": rows, "seconds": round(seconds, 3)}
        self._output.event("copied", told)

    def done(self, text: str, seconds: float) -> None:
        """See the protocol."""
        self._line(text, seconds)
        self._output.event("finished", {"text": text, "seconds": round(seconds, 3)})

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
