"""The report of a transition: put together from what was recorded, seen and logged; and filed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.deployment import applied as applied_facts
from tenfold.errors import TenfoldError
from tenfold.observe import load_figures
from tenfold.observe.report import store
from tenfold.observe.report.model import HoldTaken, Outcome, Report, StepTaken
from tenfold.observe.report.page import page
from tenfold.observe.report.waits import FLUSH_SECONDS, measure, read
from tenfold.stages.path import stage_of
from tenfold.state.layout import title
from tenfold.transitions import way

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.observe.recorder import Recorder
    from tenfold.state.layout import Layout
    from tenfold.transitions.perform.evidence import Evidence
    from tenfold.transitions.way import Crossing

EDGE = "edge"
LINES = 200_000
"""What is read of the edge's log at most."""
PATIENCE_SECONDS = 2.5
"""How long after the end of a hold its last line is awaited."""
ANSWER_SECONDS = 0.4
"""Whoever waited has an answer by then, mostly."""
_LOOK_SECONDS = 0.1
_FEW = 50


@dataclass(frozen=True, slots=True)
class Filing:
    """What came of a report: itself and its page, or a note that tells why there is none."""

    report: Report | None = None
    page: Path | None = None
    note: str | None = None


def folder(layout: Layout) -> Path:
    """Where the reports of a deployment lie."""
    return layout.state / "reports"


def load_folder(layout: Layout) -> Path:
    """Where loads that are under way tell of themselves."""
    return layout.state / "load"


def write(
    deployment: Deployment,
    recorder: Recorder,
    evidence: Evidence,
    crossing: Crossing,
    *,
    before: str,
    after: str,
    outcome: Outcome,
    error: BaseException | str | None = None,
    command: str | None = None,
    host: str | None = None,
) -> Filing:
    """Make the report and file it; whatever goes wrong with that becomes a note.

    Takes up to 2.5 s after a hold, for the edge's log. Ctrl-C ends that wait, and nothing else.
    """

    def make() -> Report:
        made = make_report(
            deployment, recorder, evidence, crossing, before, after, outcome, error, command
        )
        return replace(made, host=host)

    return _filed(deployment, make)


def write_drill(
    deployment: Deployment,
    recorder: Recorder,
    drill: Mapping[str, Any] | None,
    error: BaseException | None = None,
) -> Filing:
    """Make the report of a drill and file it; whatever goes wrong with that becomes a note."""
    return _filed(deployment, lambda: _drill_report(deployment, recorder, drill, error))


def outcome_of(deployment: Deployment, error: BaseException | None) -> Outcome:
    """What the command that ended just now came to."""
    if error is None:
        return "done"
    last = deployment.journal.last()
    return "backed-out" if last is not None and last.outcome == "backed-out" else "failed"


def _filed(deployment: Deployment, make: Callable[[], Report]) -> Filing:
    try:
        report = make()
        filed = store.save(folder(deployment.layout), report, page)
    except Exception as fault:  # noqa: BLE001 - a report that fails must not fail what it is about
        what = fault.what if isinstance(fault, TenfoldError) else f"{type(fault).__name__}: {fault}"
        return Filing(note=f"the report could not be written: {what}")
    return Filing(report, filed.page)


def _drill_report(
    deployment: Deployment,
    recorder: Recorder,
    drill: Mapping[str, Any] | None,
    error: BaseException | None,
) -> Report:
    ended, position = time.time(), deployment.position
    held = drill is not None and bool(drill["held"])
    lines = list(edge_log(deployment, LINES))
    return Report(
        app=_app(deployment),
        command="drill",
        home=stage_of(position),
        goal=stage_of(position),
        before=position,
        after=position,
        began=recorder.began,
        ended=ended,
        outcome="done" if held else "failed",
        error=_text(error),
        changed=error.changed if isinstance(error, TenfoldError) else None,
        advice=error.next if isinstance(error, TenfoldError) else None,
        steps=recorder.steps,
        waits=measure(
            lines, (), began=recorder.began, ended=ended, complete=time.time() - FLUSH_SECONDS
        )
        if lines
        else None,
        drill=drill,
    )


def make_report(
    deployment: Deployment,
    recorder: Recorder,
    evidence: Evidence,
    crossing: Crossing,
    before: str,
    after: str,
    outcome: Outcome,
    error: BaseException | str | None = None,
    command: str | None = None,
) -> Report:
    """Everything that is known of a transition that has just ended.

    Args:
        deployment: opened after the transition, so that it knows the hosts by their new names.
        recorder: between runner and terminal during the transition.
        evidence: what the steps saw.
        crossing: the move that the command belongs to.
        before, after: the position at which the command began and ended.
        outcome: how it ended.
        error: what it failed with.
        command: the one that was given, where that is not the crossing's (``resume``).
    """
    ended = time.time()
    loads = load_figures.together(load_figures.believed(load_folder(deployment.layout)))
    steps = recorder.steps
    holds = holds_of(evidence, steps)
    report = Report(
        app=_app(deployment),
        command=command or crossing.command,
        home=crossing.home,
        goal=crossing.goal,
        before=before,
        after=after,
        began=recorder.began,
        ended=ended,
        outcome=outcome,
        error=_text(error),
        changed=error.changed if isinstance(error, TenfoldError) else None,
        advice=error.next if isinstance(error, TenfoldError) else None,
        steps=steps,
        taken_back=recorder.taken_back,
        holds=holds,
        verification=evidence.verification,
        checks=tuple(evidence.checks),
        copied_bytes=evidence.copied_bytes,
        ledger=loads,
        choices=way.choices(after, deployment.crossing),
    )
    if holds:
        await_log(lambda: edge_log(deployment, _FEW), holds[-1].ended)
    complete = time.time() - FLUSH_SECONDS
    lines = list(edge_log(deployment, LINES))
    if not lines:
        return report
    waits = measure(lines, holds, began=report.began, ended=ended, complete=complete)
    return replace(report, waits=waits)


def holds_of(evidence: Evidence, steps: tuple[StepTaken, ...]) -> tuple[HoldTaken, ...]:
    """The holds; of each, when its step had seen that nothing was in hand any more."""
    drained = [step.ended for step in steps if step.kind == "Hold" and step.error is None]
    holds = []
    for hold in evidence.holds:
        ended = hold.ended
        within = [moment for moment in drained if hold.began <= moment <= ended]
        first = min(within, default=None)
        holds.append(
            HoldTaken(" and ".join(hold.pools), hold.began, ended, hold.seconds_postponed, first)
        )
    return tuple(holds)


def edge_log(deployment: Deployment, lines: int) -> Iterator[str]:
    """The last lines of the edge's log, on whatever host it runs."""
    for host in deployment.target.hosts():
        for _, line in deployment.target.logs(host, [EDGE], lines=lines, follow=False):
            yield line


def await_log(
    look: Callable[[], Iterator[str]],
    hold_ended: float,
    *,
    now: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the log has the requests that waited.

    The edge writes its log once a second, each of its workers for itself: until every one of them
    has done so, and one line is of a request that ended after the hold. Without such a request that
    line never comes, so there is a bound.

    Args:
        look: gives the log's last lines.
        hold_ended: in seconds since the epoch, as that was told when the hold began.
        now: seconds since the epoch. A clock that was set back since tells of a hold that is yet to
            end: it is taken to end now.
        clock: seconds by the clock that nobody sets, by which is waited.
        pause: waits for some seconds.
    """
    past = max(0.0, now() - hold_ended)
    began = clock()
    try:
        while (since := past + clock() - began) < PATIENCE_SECONDS:
            flushed = since >= ANSWER_SECONDS + FLUSH_SECONDS
            if flushed and any(
                found.ended >= hold_ended for line in look() if (found := read(line))
            ):
                return
            pause(_LOOK_SECONDS)
    except KeyboardInterrupt:  # the transition is over; only the last lines are missing
        return


def _app(deployment: Deployment) -> str:
    applied = applied_facts.from_json(deployment.facts().get(applied_facts.FACT))
    app = applied.app if applied else deployment.layout.project.name
    return title(app, deployment.layout.environment)


def _text(error: BaseException | str | None) -> str | None:
    if error is None or isinstance(error, str):
        return error
    return str(error) or type(error).__name__
