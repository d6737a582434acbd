"""The background workers: what is declared, what their commands lack, what the source speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tenfold.doctor.facts import AppFacts, WorkersFacts
from tenfold.doctor.look.commands import lacking
from tenfold.doctor.look.project import environment_of
from tenfold.spec.detect import hints, workers
from tenfold.spec.model import AppSpec


def look(root: Path, spec: AppSpec, app: AppFacts) -> WorkersFacts:
    """What the checks of workers ask for."""
    environment = environment_of(root, spec)
    lacks = {
        name: lack
        for name, table in spec.workers.items()
        if (lack := lacking(root, spec.pythonpath, environment, table.command)) is not None
    }
    return WorkersFacts(
        app=app,
        workers=spec.workers,
        lacking={} if spec.release.build is not None else lacks,
        found=tuple(_found(app)),
    )


def _found(app: AppFacts) -> Iterator[tuple[str, str, str]]:
    """What ``init`` would write, with its places."""
    part = workers.look(app.project, hints.hints(app.project))
    places = {item.what.partition(": ")[2]: item.where for item in part.items}
    for name, command in part.workers:
        yield name, command, str(places.get(command, "Procfile"))
