"""Who writes down which steps were carried out, and passes everything on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from tenfold.observe.report.model import StepTaken

CUT_OFF = "was cut off"


class Sentence(Protocol):
    """What is asked of a step."""

    def sentence(self) -> str:
        """What it does, for people."""


class Listener(Protocol):
    """Who else is told; see :class:`tenfold.transitions.runner.Listener`."""

    def started(self, step: Any) -> None:
        """A step begins."""

    def progress(self, step: Any, text: str) -> None:
        """Something worth showing happened within a step."""

    def finished(self, step: Any, seconds: float) -> None:
        """A step is done."""

    def failed(self, step: Any, error: BaseException) -> None:
        """A step failed."""

    def backing_out(self, steps: tuple[Any, ...]) -> None:
        """These steps take back what was done."""


class Recorder:
    """A listener between the runner and another listener. Steps may run side by side.

    Args:
        listener: who is told as well.
        now: seconds since the epoch.
        clock: monotonic seconds: how long a step took, no clock that is set changes.

    Attributes:
        began: when the recording began.
        taken_back: what was done to take steps back, as sentences.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._now = now
        self._clock = clock
        self._guard = threading.Lock()
        self._running: dict[int, tuple[Sentence, float, float]] = {}
        self._ended: list[StepTaken] = []
        self.began = now()
        self.taken_back: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[StepTaken, ...]:
        """Every step so far in the order in which they began; one that did not end was cut off."""
        with self._guard:
            now = self._clock()
            open_ = [_taken(s, at, now - since, CUT_OFF) for s, at, since in self._running.values()]
            return tuple(sorted((*self._ended, *open_), key=lambda step: step.began))

    def started(self, step: Sentence) -> None:
        """See the protocol."""
        with self._guard:
            self._running[id(step)] = (step, self._now(), self._clock())
        self._listener.started(step)

    def progress(self, step: Sentence, text: str) -> None:
        """See the protocol."""
        self._listener.progress(step, text)

    def finished(self, step: Sentence, seconds: float) -> None:
        """See the protocol."""
        self._end(step, seconds, None)
        self._listener.finished(step, seconds)

    def failed(self, step: Sentence, error: BaseException) -> None:
        """See the protocol."""
        self._end(step, None, str(error) or type(error).__name__)
        self._listener.failed(step, error)

    def backing_out(self, steps: tuple[Sentence, ...]) -> None:
        """See the protocol."""
        self.taken_back += tuple(step.sentence() for step in steps)
        self._listener.backing_out(steps)

    def _end(self, step: Sentence, seconds: float | None, error: str | None) -> None:
        with self._guard:
            now, clock, known = self._now(), self._clock(), seconds or 0.0
            _, began, since = self._running.pop(id(step), (step, now - known, clock - known))
            took = clock - since if seconds is None else seconds
            self._ended.append(_taken(step, began, took, error))


def _taken(step: Sentence, began: float, seconds: float, error: str | None) -> StepTaken:
    return StepTaken(type(step).__name__, step.sentence(), began, seconds, error)
