"""All checks, by area and by id. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tenfold.doctor.checks import (
    database,
    disk,
    exposure,
    extensions,
    external,
    machine,
    memory,
    once,
    project,
    redis,
    schema,
    server,
    site,
    workers,
)
from tenfold.doctor.model import Check
from tenfold.errors import UsageError, did_you_mean

MACHINE: Final = machine.CHECKS
PROJECT: Final = (*project.CHECKS, *server.CHECKS)
APP: Final = (
    *exposure.CHECKS, *memory.CHECKS, *disk.CHECKS, *once.CHECKS, *extensions.CHECKS,
)  # fmt: skip
WORKERS: Final = workers.CHECKS
REDIS: Final = redis.CHECKS
SITE: Final = site.CHECKS
EXTERNAL: Final = external.CHECKS
DATABASE: Final = (*database.CHECKS, *schema.CHECKS)
MOVE: Final = database.MOVE_CHECKS

AREAS: Final = {
    "machine": "This machine",
    "project": "The project's folder",
    "app": "The app's source, read and never run",
    "workers": "Background workers, as `[workers]` declares them",
    "redis": "Redis: what `[redis]` declares, and what it says while it answers",
    "site": "The site as it runs",
    "external": "A database of your own (`[database] url`)",
    "database": "The database server, while it runs, or your own",
    "schema": "The database's schema, while it runs, or your own",
    "move": "The next move between stages, while the site runs",
}


def checks() -> Iterator[Check[Any]]:
    """Every check, area by area."""
    everything: tuple[Check[Any], ...] = (
        *MACHINE, *PROJECT, *APP, *WORKERS, *REDIS, *SITE, *EXTERNAL, *DATABASE,
        *MOVE,
    )  # fmt: skip
    for area in AREAS:
        yield from (one for one in everything if one.area == area)


def named(word: str) -> Check[Any]:
    """The check with this id, or the only one whose id has this word in it.

    Raises:
        UsageError: there is none, or there are several; names them.
    """
    found = [one for one in checks() if one.id == word]
    found = found or [one for one in checks() if word in one.id]
    if len(found) == 1:
        return found[0]
    if found:
        told = ", ".join(one.id for one in found)
        raise UsageError(f'several checks have "{word}" in their names: {told}')
    meant = did_you_mean(word, [one.id for one in checks()], cutoff=0.5)
    raise UsageError(f'there is no check "{word}"{meant}', next="tenfold doctor --checks")
