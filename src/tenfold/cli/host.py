"""``tenfold host``: hosts of stage 1k leave, come back, are built anew."""

from __future__ import annotations

import sys

import click

from tenfold.cli.base import CHANGES_PENDING, Settings, command, group, yes_option
from tenfold.cli.filed import tell_filed
from tenfold.cli.output import Output
from tenfold.cli.progress import PlanProgress
from tenfold.deployment import hosts, reporting
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.hosts import Look, Walk
from tenfold.errors import Refused
from tenfold.observe.recorder import Recorder
from tenfold.observe.report.text import summary
from tenfold.transitions.hosting import Does
from tenfold.transitions.way import Crossing

plan_option = click.option("--plan", "only_plan", is_flag=True, help="Say what would be done.")


@group("host")
def host() -> None:
    """Hosts of stage 1k: take one out, bring it back, build it anew.

    Requests wait while another database takes over. Of a host with an edge take the address out of
    DNS before: who comes in the instant in which the edge stops to listen may be cut off.

    \b
    tenfold host drain db1
    tenfold host add db1
    tenfold host replace db1
    """


@command("drain")
@click.argument("name")
@plan_option
@yes_option
def drain(settings: Settings, name: str, only_plan: bool, yes: bool) -> None:
    """Take a host out: whoever leads there is followed by another one first, then all of it stops.

    Its data stays, and  tenfold host add  brings it back. What would leave etcd without a majority,
    or the app without a host, is refused.

    \b
    tenfold host drain db1 --plan
    tenfold host drain app2
    """
    _begin(settings, "drain", name, only_plan=only_plan, yes=yes)


@command("add")
@click.argument("name")
@plan_option
@yes_option
def add(settings: Settings, name: str, only_plan: bool, yes: bool) -> None:
    """Bring a host back that was drained. Its database follows, and its app serves again.

    \b
    tenfold host add db1
    """
    _begin(settings, "add", name, only_plan=only_plan, yes=yes)


@command("replace")
@click.argument("name")
@plan_option
@yes_option
def replace(settings: Settings, name: str, only_plan: bool, yes: bool) -> None:
    """Build a host with a database, or an arbiter, anew under its name, from what the others have.

    For one that has lost its data, or whose database cannot follow whoever leads now. What it has
    of both is deleted.

    \b
    tenfold host replace db1 --plan
    tenfold host replace db1 --yes
    """
    _begin(settings, "replace", name, only_plan=only_plan, yes=yes)


for _one in (drain, add, replace):
    host.add_command(_one)


def _begin(settings: Settings, does: Does, name: str, *, only_plan: bool, yes: bool) -> None:
    deployment = Deployment.existing(settings.layout())
    if only_plan:
        _show(hosts.look(deployment, hosts.begun(deployment, does, name)), settings.output)
        sys.exit(CHANGES_PENDING)
    with deployment.working(f"host {does}"):
        found = hosts.look(deployment, hosts.begun(deployment, does, name))
        _show(found, settings.output)
        if _asked(found, settings.output, yes=yes):
            found = hosts.look_again(deployment, found)
        _carry_out(settings, deployment, found, f"host {does}")


def goes_on(settings: Settings, command: str) -> bool:
    """``resume`` or ``abort`` of a command on a host, if one was cut off."""
    deployment = Deployment.existing(settings.layout())
    if hosts.open_move(deployment) is None:
        return False
    with deployment.working(command):
        move = hosts.open_move(deployment)
        if move is None:
            raise Refused(f"somebody else has done what there was to {command}", changed="nothing")
        found = hosts.look(deployment, move.reversed() if command == "abort" else move)
        _carry_out(settings, deployment, found, command)
    return True


def _asked(found: Look, output: Output, *, yes: bool) -> bool:
    """Whether somebody had to agree first, and did: that takes as long as it takes."""
    if not found.costs or yes:
        return False
    if not output.live:
        raise Refused(
            "; ".join(found.costs),
            changed="nothing",
            next=f"tenfold host {found.move.does} {found.move.host} --yes    accepts that",
        )
    click.confirm("Go on?", abort=True)
    return True


def _show(found: Look, output: Output) -> None:
    move = found.move
    output.event(
        f"host {move.does}",
        {
            "host": move.host,
            "costs": list(found.costs),
            "steps": [step.sentence() for step in found.todo.steps],
        },
    )
    output.line(f"{found.intent.title} · {move.does} {move.host}", style="bold")
    output.line()
    for step in found.todo.steps:
        output.line(f"  {step.sentence()}")
    for cost in found.costs:
        output.line(f"  ! {cost}", style="yellow")
    output.line()


def _carry_out(settings: Settings, deployment: Deployment, found: Look, command: str) -> None:
    output = settings.output
    with PlanProgress(output) as progress:
        recorder, walk = Recorder(progress), Walk()
        try:
            hosts.carry_out(deployment, found, recorder, walk)
        except BaseException as error:
            _file(settings, recorder, walk, found, command, error)
            raise
    filed = _file(settings, recorder, walk, found, command)
    held = [hold.seconds for hold in walk.evidence.holds]
    output.event(
        "done",
        {
            "command": command,
            "host": found.move.host,
            "drained": list(found.move.drained),
            "held_seconds": round(max(held), 4) if held else None,
            "report": str(filed.page) if filed.page else None,
        },
    )
    output.line()
    for line in summary(filed.report) if filed.report is not None else ():
        output.line(line)
    tell_filed(filed, output)
    for way in hosts.ways_back(deployment).values():
        output.line(f"Next   {way}    brings it back")


def _file(
    settings: Settings,
    recorder: Recorder,
    walk: Walk,
    found: Look,
    command: str,
    error: BaseException | None = None,
) -> reporting.Filing:
    # Whatever ended it is what is told, not that etcd does not answer whoever reports.
    deployment = Deployment.existing(settings.layout(), stale=error is not None)
    at = deployment.position
    # A move from the stage to itself, about this host.
    same = Crossing(at, at, command, None, switched=False, began=found.move.began)
    return reporting.write(
        deployment,
        recorder,
        walk.evidence,
        same,
        before=at,
        after=at,
        outcome=reporting.outcome_of(deployment, error),
        error=error,
        command=command,
        host=found.move.host,
    )
