"""``tenfold plan``: what would change, before anything does."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tenfold.cli.base import CHANGES_PENDING, Settings, command
from tenfold.cli.output import Output
from tenfold.cli.plan_of_a_move import plan_of_a_move
from tenfold.cli.wording import about_backups, about_workers
from tenfold.deployment import external, work
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.intent import Intent
from tenfold.errors import UsageError
from tenfold.stages import STAGES, require_built
from tenfold.stages.path import WITHOUT_APP, stage_of
from tenfold.topology.model import Pool, Unit
from tenfold.topology.settings import BackupSettings, WorkerSettings
from tenfold.transitions import steps as st
from tenfold.transitions.planner import Plan


@command("plan")
@click.option("--to", "stage", type=click.Choice(STAGES), help="The stage to plan for.")
@click.option("--port", type=click.IntRange(1, 65535), help="As for  tenfold up.")
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the plan of a move in this file, for  grow FILE  or  shrink FILE.",
)
@click.option("--verbose", is_flag=True, help="Also every check that passed.")
def plan(
    settings: Settings, stage: str | None, port: int | None, file: Path | None, verbose: bool
) -> None:
    """Show what  up, deploy  or, with another stage,  grow  would do. Changes nothing.

    Before the first move of a database a small server of its own shows, in about two seconds, how
    long requests will wait. Exit code 0: nothing would change; 2: changes are pending.

    \b
    tenfold plan
    tenfold plan --to 100
    tenfold plan --to 100 -o move.json && tenfold grow move.json
    tenfold plan --json | jq .steps
    """
    require_built(stage)
    deployment = Deployment.open(settings.layout())
    if stage is not None and stage != stage_of(deployment.position):
        if "1" not in (stage, stage_of(deployment.position)):
            external.require_own(deployment, f"going to stage {stage}")
        plan_of_a_move(settings, deployment, stage, file=file, verbose=verbose)
        sys.exit(CHANGES_PENDING)
    if file is not None:
        raise UsageError("only the plan of a move is kept", next="tenfold plan --to STAGE -o FILE")
    running = deployment.status().state in ("running", "degraded", "in-transition")
    intent = work.intend(deployment, port=port, renew=False)
    intent = external.looked_at(deployment, intent)
    if intent.position in WITHOUT_APP:
        intent = work.with_new_pages(deployment, intent)
    todo = work.plan(deployment, "deploy" if running else "up", intent)
    if settings.json:
        settings.output.object(_as_json(todo, intent))
    else:
        _show(todo, intent, settings.output, running)
    if not todo.empty:
        sys.exit(CHANGES_PENDING)


def _as_json(todo: Plan, intent: Intent) -> dict[str, object]:
    return {
        "app": intent.spec.name,
        "environment": intent.environment,
        "stage": intent.goal.topology.stage,
        "command": todo.kind,
        "release": intent.goal.release,
        "notes": list(intent.notes),
        "steps": [
            {**st.to_json(step), "sentence": step.sentence()} for step in st.flatten(todo.steps)
        ],
    }


def _show(todo: Plan, intent: Intent, output: Output, running: bool) -> None:
    output.line(f"{intent.title} · stage {intent.goal.topology.stage}", style="bold")
    output.line()
    if todo.empty:
        shown = f"release {intent.goal.release} serves"
        if intent.position in WITHOUT_APP:
            shown = f"the pages of {intent.goal.pages} are shown"
        output.line(f"  nothing would change; {shown}")
        for note in intent.notes:
            output.line(f"  {note}", style="dim")
        return
    flat = st.flatten(todo.steps)
    output.columns(_rows(intent, flat, running), gap=2)
    output.line()
    for number, step in enumerate(flat, 1):
        output.line(f"  {number:>2}  {step.sentence()}")
    output.line()
    for note in intent.notes:
        output.line(f"  {note}", style="dim")
    if running and intent.position not in WITHOUT_APP:
        output.line("  no request waits or fails: new workers accept before old ones stop")
    output.line()
    output.line(f"Next   tenfold {todo.kind}")


def _rows(intent: Intent, flat: tuple[st.Step, ...], running: bool) -> list[tuple[str, ...]]:
    """Hosts, units and pools with ``+`` for new, ``~`` for changed, nothing for untouched."""
    touched = {getattr(s, "unit", None) or getattr(s, "pool", None) for s in flat}
    rows: list[tuple[str, ...]] = []
    for host in intent.goal.topology.hosts:
        sign = "+" if st.EnsureHost(host.name) in flat else " "
        size = f"{host.cores} cores, {host.memory_bytes / 2**30:.0f} GiB"
        rows.append((sign, "host", host.name, f"zone {host.zone}, {size}"))
        for member in intent.goal.topology.on(host.name):
            sign = ("~" if running else "+") if member.path in touched else " "
            kind = "pool" if isinstance(member, Pool) else "unit"
            rows.append((sign, kind, member.path, _what(member, intent)))
    return rows


def _what(member: Unit | Pool, intent: Intent) -> str:
    if isinstance(member.settings, WorkerSettings):
        return about_workers(member.settings, member.minimum if isinstance(member, Pool) else 1)
    version = intent.toolbox.versions.get(member.engine, member.engine)
    if isinstance(member, Pool):
        return f"{version}, {member.minimum} unit{'s' * (member.minimum > 1)}"
    if isinstance(member.settings, BackupSettings):
        return about_backups(member.settings)
    endpoint = intent.blueprint.document.endpoints.get(member.path)
    return version if endpoint is None else f"{version} at {endpoint}"
