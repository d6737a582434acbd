"""Why a unit did not become ready, as an error that can be acted upon."""

from __future__ import annotations

from collections.abc import Sequence

from tenfold.agent.handle import Exit
from tenfold.agent.masking import masked
from tenfold.agent.probe import Answer, describe
from tenfold.errors import UnitFailed
from tenfold.topology.process import Command, Launch

LOG_LINES = 20
NEXT = "fix the cause shown above, then give the command again"


def ended_before_ready(
    unit: str, launch: Launch, exit_: Exit, answer: Answer | None, lines: Sequence[str]
) -> UnitFailed:
    """The process ended by itself, or somebody ended it, before it answered its probe."""
    what = f"{unit} {exit_} before it was ready"
    return _failure(what, launch, answer.evidence if answer is not None else "", lines)


def never_ready(unit: str, launch: Launch, answer: Answer, lines: Sequence[str]) -> UnitFailed:
    """The process runs, but its probe said no until the bound, or said that it never will."""
    probe = launch.ready
    waited = "" if answer.final else f" within {probe.within_seconds:g} s"
    what = f"{unit} did not become ready{waited}: {describe(probe)}: {answer.text}"
    return _failure(what, launch, answer.evidence, lines)


def not_prepared(unit: str, launch: Launch, command: Command, how: str, tail: str) -> UnitFailed:
    """A command that has to run before the unit did not do its work."""
    what = f"preparing {unit} failed: {' '.join(command.argv)}: {how}"
    return _failure(what, launch, tail, ())


def not_executed(unit: str, launch: Launch, reason: str) -> UnitFailed:
    """There is no such program, or no such directory."""
    return _failure(f"{unit} cannot be started: {reason}", launch, "", ())


def _failure(what: str, launch: Launch, evidence: str, lines: Sequence[str]) -> UnitFailed:
    parts = [evidence.strip()] if evidence.strip() else []
    if lines:
        parts.append("last lines of its log:\n" + "\n".join(lines))
    return UnitFailed(
        masked(what, launch),
        changed="the unit is tried again from time to time, until it is stopped",
        next=NEXT,
        detail=masked("\n\n".join(parts), launch) or None,
    )
