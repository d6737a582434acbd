"""Looking at everything that the checks are about: bounded, and nothing is changed or started."""

from __future__ import annotations

import time
from pathlib import Path

from tenfold.deployment.deployment import Deployment
from tenfold.doctor.facts import DatabaseFacts, Looked, SiteFacts
from tenfold.doctor.look import (
    app,
    database,
    external,
    machine,
    project,
    redis,
    site,
    wheels,
    workers,
)
from tenfold.doctor.model import NOW, Unseen
from tenfold.errors import TenfoldError
from tenfold.state.layout import SPEC_NAME, Layout, find_project

RUNS = ("running", "degraded", "in-transition")
STOPPED, UNKNOWN = "stopped", "unknown"
RUNNING = "site, database, schema and the next move"
SITE = "the site"


def look(start: Path, *, environment: str | None = None, offline: bool = False) -> Looked:
    """Look at the project at or above ``start``, with or without a ``tenfold.toml``.

    ``environment`` names one of its deployments; the default one has no name. Nobody outside of
    the app's own machines is asked if it is to be ``offline``.

    Raises:
        UsageError: there is no such folder.
    """
    root = _root(start)
    layout = Layout(root, environment=environment)
    unseen: list[Unseen] = []
    spec, folder = project.look(layout, unseen)
    what = SITE if spec is not None and spec.database.url is not None else RUNNING
    deployment = _deployment(layout, what, unseen)
    seen = site.look(deployment, spec, unseen) if deployment else None
    state = _state(deployment, seen)
    runs = state in (*RUNS, UNKNOWN)
    if seen is not None and not runs:
        unseen.append(Unseen(what, "the site does not run", "tenfold up -d"))
    own = external.look(layout, spec, unseen)
    source = app.look(layout, spec, unseen, own=own)
    running = deployment if seen is not None and runs else None
    return Looked(
        name=spec.name if spec else None,
        stage=deployment.position.partition("+")[0] if deployment else NOW,
        state=state,
        machine=machine.look(
            layout,
            spec,
            runs=runs,
            port=_port(deployment),
            now=time.time(),
            newer=wheels.look(unseen, offline=offline),
        ),
        project=folder,
        app=source,
        workers=workers.look(root, spec, source) if spec else None,
        redis=redis.look(layout, spec, source, running, unseen) if spec else None,
        site=seen if runs or (seen and seen.interrupted) else None,
        external=own,
        database=external.database(own) or _database(running, state, unseen),
        unseen=tuple(unseen),
    )


def _state(deployment: Deployment | None, seen: SiteFacts | None) -> str:
    if seen is not None:
        return seen.state
    return STOPPED if deployment is None else UNKNOWN


def _database(running: Deployment | None, state: str, unseen: list[Unseen]) -> DatabaseFacts | None:
    return None if running is None else database.look(running, state, unseen)


def _root(start: Path) -> Path:
    """The project's folder; where there is no file yet, the folder itself."""
    here = start.resolve()
    if any((folder / SPEC_NAME).is_file() for folder in (here, *here.parents)) or not here.is_dir():
        return find_project(start)
    return here


def _deployment(layout: Layout, what: str, unseen: list[Unseen]) -> Deployment | None:
    if not layout.exists():
        unseen.append(Unseen(what, "it was never brought up", "tenfold up -d"))
        return None
    try:
        return Deployment.open(layout, stale=True)
    except TenfoldError as error:
        unseen.append(Unseen(what, error.what, error.next or ""))
        return None


def _port(deployment: Deployment | None) -> int | None:
    found = deployment.facts().get("port") if deployment else None
    return int(found) if found is not None else None
