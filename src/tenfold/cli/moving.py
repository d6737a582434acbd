"""What the commands that move an app between stages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tenfold.cli import edges
from tenfold.cli.base import Settings
from tenfold.cli.filed import tell_filed
from tenfold.cli.output import Output
from tenfold.cli.progress import PlanProgress
from tenfold.cli.ways import way_on
from tenfold.deployment import backups, hosts, launch, reporting, work, writes
from tenfold.deployment.beforehand import begins, require_unhindered
from tenfold.deployment.cross import Journey, require_way_back
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.external import require_own
from tenfold.deployment.forecast import forecast, kept, require_same
from tenfold.deployment.launch import Launch
from tenfold.deployment.restore_in_place import require_none
from tenfold.deployment.status import Status
from tenfold.errors import Refused, UsageError
from tenfold.observe.recorder import Recorder
from tenfold.observe.report.text import summary
from tenfold.transitions import way
from tenfold.transitions.way import Crossing, Ended

Decide = Callable[[str, Crossing | None, Ended | None], Crossing]


def move(
    settings: Settings,
    command: str,
    decide: Decide,
    *,
    running: bool = True,
    promised: Mapping[str, Any] | None = None,
    file: Path | None = None,
) -> None:
    """Decide where a command leads from here, and go there.

    Args:
        settings: of the command line.
        command: its name.
        decide: where it leads.
        running: whether it makes sense only for an app that runs.
        promised: the plan that was kept in ``file``; nothing else is done.
    """
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    with writes.told(deployment), deployment.working(command):
        if running and deployment.status().state == "stopped":
            raise Refused(f"{deployment.status().title} does not run", next="tenfold up")
        require_none(deployment, command)
        hosts.require_whole(deployment)
        before = deployment.position
        crossing = decide(before, deployment.crossing, deployment.ended_move)
        launches = launch.covers(crossing)
        if not launches:
            _require_movable(deployment, command)
        findings = None
        if promised is not None and file is not None:
            now = forecast(deployment, crossing)
            require_same(promised, now.to_json(now.after.spec.name), file)
            findings = now.findings
        if not launches and begins(deployment.crossing, crossing):
            require_unhindered(deployment, crossing, once_more(crossing, file), findings)
        output.event(command, {"from": before, "to": crossing.final})
        with PlanProgress(output) as progress:
            recorder = Recorder(progress)
            walk = Launch(deployment, recorder) if launches else Journey(deployment, recorder)
            try:
                walk.go(crossing, promised=promised)
            except BaseException as error:
                filed = _file(settings, recorder, walk, crossing, before, command, error)
                tell_filed(filed, output)
                raise
        filed = _file(settings, recorder, walk, crossing, before, command)
    _conclude(settings, walk, filed, command)


def promised_by(
    file: Path | None, stage: str | None, command: str
) -> tuple[dict[str, Any] | None, str | None]:
    """The plan that was kept in a file, and the stage that it leads to; without one, what is typed.

    Raises:
        UsageError: it cannot be read, or is the plan of something else than what is typed.
    """
    if file is None:
        return None, stage
    promised = kept(file)
    if promised["command"] != command:
        raise UsageError(
            f"{file} is a plan to {promised['command']}, not to {command}",
            next=f"tenfold {promised['command']} {file}",
        )
    if stage is not None and stage != promised["to"]:
        raise UsageError(f"{file} is a plan to stage {promised['to']}, not {stage}")
    return promised, str(promised["to"])


def _require_movable(deployment: Deployment, command: str) -> None:
    """See that the database can be moved, and taken back. Raises ``Refused``."""
    require_own(deployment, f"tenfold {command}")
    if command == "complete":
        backups.require_archived(deployment)
    if deployment.crossing is None:  # what was begun is finished
        work.require_programs(deployment.observe(), work.serving(deployment))
    if command == "reverse":
        require_way_back(deployment)


def _file(
    settings: Settings,
    recorder: Recorder,
    walk: Journey | Launch,
    crossing: Crossing,
    before: str,
    command: str,
    error: BaseException | None = None,
) -> reporting.Filing:
    """The report; it knows the hosts by the names that they have now."""
    # Whatever ended it is what is told, not that etcd does not answer whoever reports.
    deployment = Deployment.existing(settings.layout(), stale=error is not None)
    return reporting.write(
        deployment,
        recorder,
        walk.evidence,
        crossing,
        before=before,
        after=deployment.position,
        outcome=reporting.outcome_of(deployment, error),
        error=error,
        command=command,
    )


def _conclude(
    settings: Settings, walk: Journey | Launch, filed: reporting.Filing, command: str
) -> None:
    output = settings.output
    deployment = Deployment.existing(settings.layout())
    after = deployment.status()
    holds = [hold.seconds for hold in walk.evidence.holds]
    output.event(
        "done",
        {
            "command": command,
            "position": deployment.position,
            "held_seconds": round(max(holds), 4) if holds else None,
            "report": str(filed.page) if filed.page else None,
            **after.to_json(),
        },
    )
    output.line()
    told = summary(filed.report) if filed.report is not None else ()
    for line in told:
        output.line(line)
    if told:
        output.line()
    output.line(f"{after.title} · stage {after.stage}", style="bold")
    tell_filed(filed, output)
    if isinstance(walk, Launch):
        _tell_domain(deployment, output)
    elif len(after.urls) > 1:
        _tell_edges(deployment, after, output)
    crossing = deployment.crossing
    moves = (crossing.home, crossing.goal) if crossing else (None, None)
    ways = [
        (called(choice, crossing), way_on(choice, moves, after.stage))
        for choice in way.choices(deployment.position, crossing)
    ]
    named = command == "grow" and bool(deployment.spec().edge.own_names)
    for line in next_lines(ways, to_be_published=named and len(after.urls) > 1):
        output.line(line)


def next_lines(ways: Sequence[tuple[str, str]], *, to_be_published: bool) -> list[str]:
    """What may be done next: commands, each with what it does. Pure.

    Args:
        ways: the commands of the move.
        to_be_published: whether the site's name does not lead to every edge by itself.
    """
    dns = ("tenfold dns", "sees whether the site's name leads to every edge")
    rows = [dns, *ways] if to_be_published else ways
    heads = ("Next", *[""] * len(rows))
    return [
        f"{head:<6} {typed:<20} {does}" for head, (typed, does) in zip(heads, rows, strict=False)
    ]


def _tell_domain(deployment: Deployment, output: Output) -> None:
    """Where the site's name has to lead now, if it was switched."""
    crossing, spec = deployment.crossing, deployment.spec()
    if crossing is None or not crossing.switched or not spec.edge.own_names:
        return
    to_app = deployment.position == "10+1"
    if not to_app and spec.publish is None:
        return
    from tenfold.dns.words import described, text, to_published  # where a name has to be told

    lines = described(spec) if to_app else text(to_published(spec, (), {}))
    output.line()
    for line in lines:
        output.line(f"  {line}" if line else "")
    output.line()


def _tell_edges(deployment: Deployment, after: Status, output: Output) -> None:
    """Where people find the site now, and what the records of its name have to become."""
    from tenfold.dns.words import described  # where a name has to be told

    told = edges.with_edges(after).edges
    output.line()
    if told is not None:
        edges.show(told, output)
    spec, addresses = deployment.spec(), edges.addresses(deployment)
    for line in described(spec, addresses=addresses) if addresses else ():
        output.line(f"  {line}" if line else "")
    output.line()


def once_more(crossing: Crossing, file: Path | None) -> str:
    """The command that was given, as it is typed. Pure; ``file``: the kept plan that was given."""
    command = crossing.command
    typed = f"tenfold {command} {file}" if file else called(command, crossing)
    stops = command in ("grow", "shrink") and crossing.final == crossing.prepared
    return f"{typed} --prepare-only" if stops else typed


def called(choice: str, crossing: Crossing | None) -> str:
    """The command as it is typed."""
    to = f" --to {crossing.goal}" if crossing and choice in ("grow", "shrink") else ""
    return f"tenfold {choice}{to}"
