"""``tenfold psql``: a prompt at the app's database."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from tenfold.cli.base import Settings, command
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.intent import Intent
from tenfold.deployment.work import serving
from tenfold.engines.postgresql import external, login
from tenfold.errors import Refused
from tenfold.secret import Secret
from tenfold.topology.settings import DatabaseSettings
from tenfold.trusted import doubt


@command("psql", json=False, passthrough=True)
@click.option(
    "--as",
    "role",
    type=click.Choice(["app", "owner", "superuser"]),
    help="The role to connect as; owner. Your own database has one, that of [database] url.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(settings: Settings, role: str | None, arguments: tuple[str, ...]) -> None:
    """Open psql at the app's database; what follows goes to psql.

    \b
    tenfold psql
    tenfold psql -- -Atc "select 1"
    """
    deployment = Deployment.existing(settings.layout(), stale=True)
    intent = serving(deployment)
    if intent.database_url is not None:
        _become(settings, *_at_yours(intent, intent.database_url, role, arguments))
    unit = next(u for u in intent.goal.topology.units if intent.goal.leads(u))
    seen = deployment.observe().host(unit.host)
    running = seen.unit(unit.name) if seen else None
    if running is None or running.state != "running":
        raise Refused(f"{unit.path} does not run", next="tenfold up")
    assert isinstance(unit.settings, DatabaseSettings)
    role = role or "owner"
    if role == "owner" and not unit.settings.separate_owner:
        role = "app"
    scene = intent.blueprint.scene(unit)
    who = login.login(unit, scene, role)
    _become(settings, *login.psql(who, intent.toolbox.psql, scene.place.config, arguments))


def _at_yours(
    intent: Intent, url: Secret, role: str | None, arguments: tuple[str, ...]
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """psql at the user's own database; where TLS is needed the host's, for the wheel's has none."""
    if role is not None:
        raise Refused(
            f"there is no role {role} in your own database that Tenfold knows of",
            next="tenfold psql    connects as [database] url says",
        )
    address, program = external.parse(url), intent.toolbox.psql
    host = None if address.local else shutil.which("psql")
    if host is not None and doubt(Path(host)) is None:
        program = host
    return external.psql(address, program, arguments)


def _become(settings: Settings, argv: tuple[str, ...], env: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    settings.handing_over()
    os.execve(argv[0], argv, {**os.environ, **env})  # noqa: S606 - no shell is the point
