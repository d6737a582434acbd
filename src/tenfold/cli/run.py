"""``tenfold run``: a command of the user's in the app's release and environment."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from shutil import which

import click

from tenfold.cli.base import Settings, command
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.work import serving
from tenfold.errors import Refused
from tenfold.secret import Secret
from tenfold.targets.protocol import HostAgent
from tenfold.topology.process import Command
from tenfold.transitions.perform import one_off

A_DAY_SECONDS = 86400.0


@command("run", json=False, passthrough=True)
@click.option(
    "--as",
    "role",
    type=click.Choice(["app", "owner"]),
    default="app",
    help="The database role; app. The owner may change the schema.",
)
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED, metavar="CMD ...")
def run(settings: Settings, role: str, arguments: tuple[str, ...]) -> None:
    """Run a command in the release that serves.

    With the app's environment variables, in the release's directory, which is not the project's:
    what CMD writes there is lost with the next deploy. Its exit code becomes Tenfold's. Options of
    Tenfold stand before CMD.

    \b
    tenfold run python manage.py createsuperuser
    tenfold run --as owner alembic downgrade -1
    """
    deployment = Deployment.existing(settings.layout(), stale=True)
    intent = serving(deployment)
    pool = intent.goal.topology.app_pool
    agent = deployment.target.reach(pool.host)
    if agent is None:
        raise Refused(f"host {pool.host} does not run", next="tenfold up")
    wanted = one_off(intent.blueprint, list(arguments), owner=role == "owner")
    sys.stdout.flush()
    if os.geteuid() == 0 and sys.stdin.isatty():
        sys.exit(deployment.target.attended(wanted))
    if os.geteuid() == 0:
        sys.exit(_through_agent(agent, wanted))
    become(settings, wanted)


def become(settings: Settings, wanted: Command) -> None:
    """Replace this process, so that terminal, signals and exit code are the command's own."""
    plain = {k: v.reveal() if isinstance(v, Secret) else v for k, v in wanted.env.items()}
    environment = {**os.environ, **plain}
    program = which(wanted.argv[0], path=environment["PATH"])
    if program is None:
        raise Refused(f"there is no program {wanted.argv[0]} in the app's environment")
    settings.handing_over()
    os.chdir(wanted.cwd or "/")
    os.execve(program, wanted.argv, environment)  # noqa: S606 - no shell is the point


def _through_agent(agent: HostAgent, wanted: Command) -> int:
    """As root the command runs as the app's user, through the agent, without a terminal."""
    return agent.run(replace(wanted, within_seconds=A_DAY_SECONDS), click.echo).code
