"""``tenfold drill``: break something on purpose, and say what happened."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Any, get_args

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.filed import tell_filed
from tenfold.cli.first_answer import edge_addresses
from tenfold.cli.output import Output
from tenfold.deployment import drill_left, drilling, reporting
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.drill_scene import why_production
from tenfold.deployment.drilling import Act, Drilled
from tenfold.drills.deciding import parse
from tenfold.drills.model import Drill, Kind
from tenfold.errors import JournalError, Refused, UsageError
from tenfold.observe.recorder import Recorder
from tenfold.observe.report import drills
from tenfold.observe.report.text import summary
from tenfold.spec.units import seconds

KINDS = get_args(Kind)


@command("drill")
@click.argument("kind", required=False, type=click.Choice(KINDS), metavar="[DRILL]")
@click.argument("zones", required=False)
@click.option("--for", "lasts", metavar="LENGTH", help='How long it stays broken: "20s", "2m".')
@click.option("--rate", type=float, help="Requests per second meanwhile; default: that of [load].")
@click.option("--mend", is_flag=True, help="Mend what a drill left broken that was ended.")
@click.option("--yes-really", is_flag=True, help="Also where users are: on a production target.")
@click.option(
    "--anyway", is_flag=True, help="Also where, as things stand, acknowledged writes may be lost."
)
def drill(
    settings: Settings,
    kind: Kind | None,
    zones: str | None,
    lasts: str | None,
    rate: float | None,
    mend: bool,
    yes_really: bool,
    anyway: bool,
) -> None:
    """Break something on purpose, and say what happened.

    While the load of [load] is made (without it, GET / and a write by SQL every tenth of a second),
    something is broken, and mended afterwards: also when the drill is ended meanwhile, by
    tenfold drill --mend  or whatever command is next. Leaves a report. Exit code 1 if not
    everything held that was promised: no acknowledged write lost or there twice, never two leaders,
    writes wait so long at most, requests that come later do not fail, all is as before in the end.

    kill-leader kills the leader's PostgreSQL, kill-zone all that a zone has; partition cuts zones
    off from each other; pause-leader and pause-follower stop a host in its tracks; slow-disk and
    fill-disk are about the leader's disk; etcd-minority silences as many members of etcd as may be.

    \b
    tenfold drill kill-leader
    tenfold drill kill-zone a
    tenfold drill partition 'a|b'
    tenfold drill partition 'a|b,c' --for 60s
    tenfold drill pause-leader --for 10s --rate 20
    tenfold drill --mend
    """
    deployment = Deployment.existing(settings.layout(), stale=mend)
    if mend:
        _mend(deployment, settings.output)
        return
    if kind is None:
        raise UsageError("which drill?", next=f"one of {', '.join(KINDS)}")
    wanted = parse(kind, zones, None if lasts is None else length(lasts))
    why = why_production(deployment)
    if why is not None and not yes_really:
        raise Refused(
            f"this is where users are: {why}",
            next=f"tenfold drill {kind} ... --yes-really    drills here, with them on it",
        )
    with deployment.working(f"drill {kind}"):
        drilled, filed = _hold(deployment, wanted, settings.output, rate=rate, anyway=anyway)
    _tell(drilled, filed, settings.output)
    sys.exit(0 if drilled.judgement.held else 1)


def length(text: str) -> float:
    """``20s`` or ``2m`` in seconds. Raises ``UsageError``."""
    try:
        found = seconds(text.strip())
    except ValueError as fault:
        raise UsageError(f"--for: {fault}", next="--for 20s") from None
    if not 1 <= found <= 600:
        raise UsageError(f"--for {text}: a length from 1s to 10m is wanted", next="--for 20s")
    return found


class Acts:
    """A listener of :class:`~tenfold.observe.recorder.Recorder` for people and for programs."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def started(self, step: Act) -> None:
        """Begins; whoever waits shall know for what."""
        self._output.event("started", {"sentence": step.sentence()})
        if self._output.live:
            self._output.console.print(f"  · {step.sentence()}", end="\r")

    def progress(self, step: Act, text: str) -> None:
        """See the protocol."""
        self._output.event("progress", {"sentence": step.sentence(), "text": text})

    def finished(self, step: Act, seconds: float) -> None:
        """See the protocol."""
        self._output.line(f"  ✓ {step.sentence():<66}{seconds:>7.1f} s")
        told = {"sentence": step.sentence(), "seconds": round(seconds, 3)}
        self._output.event("finished", told)

    def failed(self, step: Act, error: BaseException) -> None:
        """See the protocol."""
        self._output.event("failed", {"sentence": step.sentence(), "error": str(error)})

    def backing_out(self, steps: tuple[Any, ...]) -> None:
        """See the protocol; a drill mends as one of its own steps."""


def _hold(
    deployment: Deployment, wanted: Drill, output: Output, *, rate: float | None, anyway: bool
) -> tuple[Drilled, reporting.Filing]:
    now = deployment.status()
    if now.state == "stopped" or now.url is None:
        raise Refused(f"{now.title} does not run", next="tenfold up")
    decision = drilling.planned(deployment, wanted, anyway=anyway)
    output.line(f"{now.title} · stage {now.stage} · drill {wanted.name}", style="bold")
    for note in decision.notes:
        output.line(f"  {note}", style="dim")
    output.event("drill", {"name": wanted.name, "harm": decision.harm.sentence()})
    recorder = Recorder(Acts(output))
    try:
        drilled = drilling.carry_out(
            deployment, wanted, now.url, edge_addresses(now), recorder, rate=rate, anyway=anyway
        )
    except BaseException as error:
        if drill_left.left(deployment) is None and not recorder.steps:
            raise
        filed = reporting.write_drill(deployment, recorder, None, error)
        if filed.page is not None:
            output.line(f"report {filed.page}", style="dim")
        raise
    return drilled, reporting.write_drill(deployment, recorder, drilled.to_json())


def _tell(drilled: Drilled, filed: reporting.Filing, output: Output) -> None:
    told = drilled.to_json()
    output.event("done", {**told, "report": str(filed.page) if filed.page else None})
    output.line()
    lines = summary(filed.report) if filed.report is not None else drills.facts(told)
    for line in lines:
        output.line(line if isinstance(line, str) else f"  {line[0]:<10}{line[1]}")
    output.line()
    output.line(f"{'✓' if told['held'] else '✗'} {drills.noticed(told)}", style="bold")
    tell_filed(filed, output)
    if drilled.missing:
        output.line("Next   tenfold up    starts what is missing")


def _mend(deployment: Deployment, output: Output) -> None:
    found = None
    with suppress(JournalError):  # which whoever takes the lock raises again
        found = drill_left.left(deployment)
    with deployment.working("drill --mend"):
        pass  # whatever takes the lock mends
    remains = drill_left.left(deployment)
    what = None if found is None else found.drill
    since = None if found is None else found.since
    output.event("mended", {"drill": what, "since": since, "remains": remains is not None})
    if found is None:
        output.line("no drill has left anything broken")
        return
    at = time.strftime("%H:%M:%S", time.localtime(found.since))
    if remains is None:
        output.line(f"mended: {found.sentence()}, since {at}, by drill {found.drill}")
    else:
        output.line(f"left of drill {found.drill}: {remains.sentence()}")
        output.line("Next   whatever command is next removes it, once a database leads")
