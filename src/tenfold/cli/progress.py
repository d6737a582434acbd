"""How a plan goes, told as it happens: a live line per running step, a tick per finished one."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Group
from rich.live import Live
from rich.text import Text

from tenfold.cli.output import Output
from tenfold.cli.wording import finished_sentence
from tenfold.transitions.steps import Step, to_json
from tenfold.transitions.telling import Lasting


class PlanProgress:
    """A :class:`tenfold.transitions.runner.Listener` for people and for programs."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._running: dict[int, tuple[Step, float, str]] = {}
        self._guard = threading.Lock()
        self._live = (
            Live(get_renderable=self._draw, console=output.console, transient=True)
            if output.live
            else None
        )

    def __enter__(self) -> PlanProgress:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def started(self, step: Step) -> None:
        """See the protocol."""
        with self._guard:
            self._running[id(step)] = (step, time.monotonic(), "")
        self._output.event("started", {"step": to_json(step), "sentence": step.sentence()})

    def progress(self, step: Step, text: str) -> None:
        """See the protocol."""
        with self._guard:
            if id(step) in self._running:
                _, began, _ = self._running[id(step)]
                self._running[id(step)] = (step, began, text)
        if isinstance(text, Lasting):
            self._output.line(f"  ! {text}", style="yellow")
        self._output.event("progress", {"step": to_json(step), "text": text})

    def finished(self, step: Step, seconds: float) -> None:
        """See the protocol."""
        with self._guard:
            self._running.pop(id(step), None)
        sentence = finished_sentence(step)
        if sentence:
            self._output.line(f"  ✓ {sentence:<52}{seconds:>7.1f} s")
        self._output.event("finished", {"step": to_json(step), "seconds": round(seconds, 3)})

    def failed(self, step: Step, error: BaseException) -> None:
        """See the protocol; the error itself is printed once, by whoever catches it."""
        with self._guard:
            self._running.pop(id(step), None)
        self._output.event("failed", {"step": to_json(step), "error": str(error)})

    def backing_out(self, steps: tuple[Step, ...]) -> None:
        """See the protocol."""
        self._output.line(
            "  · taking back what was begun; Ctrl-C does not cut it short", style="dim"
        )
        self._output.event("backing-out", {"steps": [to_json(s) for s in steps]})

    def _draw(self) -> Group:
        with self._guard:
            running = list(self._running.values())
        now = time.monotonic()
        lines = []
        for step, began, text in running:
            note = f"  {text}" if text else ""
            line = f"  · {step.sentence()}{note}"
            lines.append(Text(f"{line[:70]:<56}{now - began:>7.1f} s", style="dim"))
        return Group(*lines)
