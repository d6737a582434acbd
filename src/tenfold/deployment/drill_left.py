"""What a drill has left behind that was ended: something broken, and its own table.

The table is the user's database's, and of no consequence: where it cannot be removed just now, that
stays on record for whatever command is next, and keeps nobody from working.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg

from tenfold.deployment import work
from tenfold.deployment.drill_scene import scene_of
from tenfold.drills import effects, writing
from tenfold.drills.kept import Broken, Kept
from tenfold.engines.postgresql.login import connect, login
from tenfold.errors import JournalError, StepFailed, TenfoldError
from tenfold.transitions.crossing import members

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from tenfold.deployment.deployment import Deployment
    from tenfold.transitions.blueprint import Blueprint

ANSWER_SECONDS = 10.0
CONNECT_SECONDS = 2
AGAIN_SECONDS = 0.5


def left(deployment: Deployment) -> Broken | None:
    """What a drill has broken and not mended, or is about to. Raises ``JournalError``."""
    return Kept(deployment.layout.state).read()


def mend(deployment: Deployment, *, patience_seconds: float = 0.0) -> Broken | None:
    """Mend what a drill left behind that was ended; gives it, or ``None``. Needs the lock.

    Args:
        deployment: whose lock is held.
        patience_seconds: how long to wait for a database that leads, where the drill's own table
            is in it still.

    Raises:
        JournalError: nobody can read what it was. What is known by its name is mended.
        TenfoldError: something is still broken; giving it again is fine.
    """
    kept = Kept(deployment.layout.state)
    try:
        broken = kept.read()
    except JournalError as fault:
        effects.mend_whatever(scene_of(deployment))
        fault.changed = "cuts, stopped processes and ballast are mended, as far as names tell"
        raise
    if broken is None:
        return None
    effects.mend(broken, scene_of(deployment))
    kept.mended(broken)
    clear(deployment, kept, patience_seconds=patience_seconds)
    return broken


def clear(deployment: Deployment, kept: Kept, *, patience_seconds: float = 0.0) -> str | None:
    """Remove the drill's own table, and what is on record unless something else is broken.

    Gives why that could not be done: then it is on record still.
    """
    try:
        found = kept.read()
        if found is None:
            return None
        if found.has_table:
            _remove_table(deployment, patience_seconds)
            found = kept.write(found.without_table())
        if found.harm is None:
            kept.forget()
    except (TenfoldError, psycopg.Error, OSError) as fault:
        what = fault.what if isinstance(fault, TenfoldError) else str(fault).strip()
        return f"the drill's own schema {writing.SCHEMA} is still in the database: {what}"
    return None


def _remove_table(deployment: Deployment, patience_seconds: float) -> None:
    release = deployment.observe(silent=True).release
    blueprint = work.intend(deployment, release=release).blueprint
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return order(blueprint, writing.removed())
        except (TenfoldError, psycopg.Error):
            if time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_SECONDS)


def order(blueprint: Blueprint, statement: Composed) -> None:
    """Have the database that takes writes carry out a statement, as the superuser.

    Raises:
        StepFailed: none of those that answer does.
        psycopg.Error: it does not take this one.
    """
    silent: list[str] = []
    for unit in members(blueprint.topology):
        who = login(unit, blueprint.scene(unit), "superuser")
        try:
            with (
                connect(who, within_seconds=CONNECT_SECONDS) as session,
                session.within(ANSWER_SECONDS),
            ):
                if session.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                    session.execute(statement)
                    return
        except TenfoldError as fault:
            silent.append(fault.what)
    raise StepFailed("no database takes writes just now", detail="\n".join(silent) or None)
