"""The runner: carries a plan out, one journaled step at a time.

For each step: ``journal.intend`` (durable), one small idempotent effect that verifies itself,
``journal.done``, which is one write with the next step's intention: in a hold each costs time.
Before the point of no return a failure takes back what was done, in reverse order; from there on a
failure is reported and the plan is finished by planning again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from tenfold import interrupts
from tenfold.errors import LeftHalfDone, NotBegun, TenfoldError
from tenfold.transitions.journal import Journal, Outcome
from tenfold.transitions.pause import stop_point
from tenfold.transitions.planner import Plan
from tenfold.transitions.steps import Step, Together, flatten, to_json
from tenfold.transitions.telling import Lasting


class Listener(Protocol):
    """Who is told how it goes, for progress on a terminal or lines of JSON."""

    def started(self, step: Step) -> None:
        """A step begins."""

    def progress(self, step: Step, text: str) -> None:
        """Something worth showing happened within a step."""

    def finished(self, step: Step, seconds: float) -> None:
        """A step is done."""

    def failed(self, step: Step, error: BaseException) -> None:
        """A step failed."""

    def backing_out(self, steps: tuple[Step, ...]) -> None:
        """These steps take back what was done."""


Perform = Callable[[Step, Callable[[str], None]], None]


@dataclass(frozen=True, slots=True)
class Runner:
    """Carries plans out.

    Args:
        journal: where intentions are recorded.
        perform: the effect of one step; raises ``TenfoldError``.
        listener: who is told.
        clock: monotonic seconds.
        claimed: told the fencing epoch of this run before its first step.
        ended_by: told what ended it, before anything is taken back, and before the journal is told.
        is_past: asked of the point of no return that was come to last, when something ended the
            plan: ``False`` where it verifiably was not passed, whatever the journal intended.
    """

    journal: Journal
    perform: Perform
    listener: Listener
    clock: Callable[[], float] = time.monotonic
    claimed: Callable[[int], None] = lambda epoch: None
    ended_by: Callable[[BaseException], None] = lambda error: None
    is_past: Callable[[Step], bool] = lambda step: True

    def run(self, plan: Plan, *, takes_back: bool = True) -> None:
        """Carry out a plan; with ``takes_back`` undo what was begun if a step fails.

        Nobody is left at work behind it, and nothing that interrupts cuts off what is taken back.

        Raises:
            TenfoldError: the failure of a step, after everything was taken back that could be.
            LeftHalfDone: not everything could be.
            KeyboardInterrupt: passed on, likewise; past the point of no return nothing is taken
                back.
        """
        transition = self.journal.begin(plan.kind, tuple(to_json(s) for s in plan.steps))
        begun: list[Step] = []
        with interrupts.one_at_most() as guard:
            try:
                try:
                    self._steps(transition, plan.steps, begun)
                finally:
                    guard.hold()
            except BaseException as error:  # whatever it is, nothing may be left half-done
                self._ended(transition, begun, error, takes_back=takes_back)
                raise
            self.journal.end(transition, "done")

    def _steps(self, transition: int, steps: Sequence[Step], begun: list[Step]) -> None:
        self.claimed(self.journal.epoch)
        for position, step in enumerate(steps):
            self.journal.intend(transition, position, done=position - 1 if position else None)
            begun.append(step)
            self._one(step)
        if begun:
            self.journal.done(transition, len(begun) - 1)

    def _ended(
        self, transition: int, begun: list[Step], error: BaseException, *, takes_back: bool
    ) -> None:
        """Take back what was begun, unless that is over, and write down how it ended."""
        self.ended_by(error)
        # An interrupt may come anywhere between an intention and its effect.
        if begun and (isinstance(error, NotBegun) or self._stopped_short_of(begun[-1])):
            begun.pop()
        committed = any(s.point_of_no_return for s in flatten(tuple(begun)))
        back = takes_back and not committed
        if back:
            try:
                self._back_out(begun, error)
            except LeftHalfDone as half:
                self._write_down(transition, "failed", half)
                raise
        outcome: Outcome = "backed-out" if back else "failed"
        self._write_down(transition, outcome, error)

    def _stopped_short_of(self, step: Step) -> bool:
        return step.point_of_no_return and not self.is_past(step)

    def _write_down(self, transition: int, outcome: Outcome, error: BaseException) -> None:
        """How it ended. Where the journal does not take that, it is what ended it that is told."""
        try:
            self.journal.end(transition, outcome, str(error) or type(error).__name__)
        except TenfoldError as silent:
            error.add_note(f"and the journal was not told: {silent.what}")
            raise error from (error.__cause__ or silent)

    def _one(self, step: Step) -> None:
        if isinstance(step, Together):
            self._together(step)
            return
        self.listener.started(step)
        began = self.clock()
        try:
            stop_point(f"{type(step).__name__}.before")
            self.perform(step, lambda text: self._tell(step, text))
            stop_point(f"{type(step).__name__}.after")
        except BaseException as error:
            self.listener.failed(step, error)
            raise
        self.listener.finished(step, self.clock() - began)

    def _tell(self, step: Step, text: str) -> None:
        interrupts.check()
        self.listener.progress(step, text)

    def _together(self, step: Together) -> None:
        def waits(left: Sequence[int]) -> None:
            for number in left:
                late = step.steps[number]
                self.listener.progress(
                    late, Lasting(f"interrupted; still ends what it does: {late.sentence()}")
                )

        interrupts.at_once([partial(self._one, s) for s in step.steps], waits)

    def _back_out(self, begun: list[Step], error: BaseException) -> None:
        """Reverse what was begun, also the step that failed: it may have been half done."""
        backwards = tuple(r for s in reversed(begun) if (r := s.reverse()) is not None)
        if not backwards:
            return
        self.listener.backing_out(backwards)
        failures: list[str] = []
        for step in flatten(backwards):
            try:
                stop_point(f"{type(step).__name__}.before")
                self.perform(step, lambda _: None)
                stop_point(f"{type(step).__name__}.after")
            except Exception as fault:  # noqa: BLE001 - told below; the other steps have their turn
                why = fault.what if isinstance(fault, TenfoldError) else repr(fault)
                failures.append(f"{step.sentence()}: {why}")
        if failures:
            raise LeftHalfDone(
                "what was begun could not be taken back completely",
                changed="; ".join(failures),
                next="tenfold status, then tenfold up or tenfold down",
                detail=f"it was taken back because of: {str(error) or type(error).__name__}",
            )
