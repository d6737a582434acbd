"""``tenfold psql``: a prompt at the app's database."""

from __future__ import annotations

import os
import sys

import click

from tenfold.cli.base import Settings, command
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.work import serving
from tenfold.engines.postgresql import login
from tenfold.errors import Refused
from tenfold.topology.settings import DatabaseSettings


@command("psql", json=False, passthrough=True)
@click.option(
    "--as",
    "role",
    type=click.Choice(["app", "owner", "superuser"]),
    default="owner",
    help="The role to connect as; owner.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(settings: Settings, role: str, arguments: tuple[str, ...]) -> None:
    """Open psql at the app's database; what follows goes to psql.

    \b
    tenfold psql
    tenfold psql -- -Atc "select 1"
    """
    deployment = Deployment.existing(settings.layout())
    intent = serving(deployment)
    unit = next(u for u in intent.goal.topology.units if intent.goal.leads(u))
    seen = deployment.observe().host(unit.host)
    running = seen.unit(unit.name) if seen else None
    if running is None or running.state != "running":
        raise Refused(f"{unit.path} does not run", next="tenfold up")
    assert isinstance(unit.settings, DatabaseSettings)
    if role == "owner" and not unit.settings.separate_owner:
        role = "app"
    scene = intent.blueprint.scene(unit)
    who = login.login(unit, scene, role)
    argv, env = login.psql(who, intent.toolbox.psql, scene.place.config, arguments)
    sys.stdout.flush()
    settings.handing_over()
    os.execve(argv[0], argv, {**os.environ, **env})  # noqa: S606 - no shell is the point
