"""Looking at everything that the checks are about: bounded, and nothing is changed or started."""

from __future__ import annotations

import time
from pathlib import Path

from tenfold.deployment.deployment import Deployment
from tenfold.doctor.facts import DatabaseFacts, Looked, SiteFacts
from tenfold.doctor.look import app, database, machine, project, site
from tenfold.doctor.model import NOW, Unseen
from tenfold.errors import TenfoldError
from tenfold.state.layout import SPEC_NAME, Layout, find_project

RUNS = ("running", "degraded", "in-transition")
RUNNING = "site, database, schema and the next move"


def look(start: Path, *, environment: str | None = None) -> Looked:
    """Look at the project at or above ``start``, with or without a ``tenfold.toml``.

    ``environment`` names one of its deployments; the default one has no name.

    Raises:
        UsageError: there is no such folder.
    """
    root = _root(start)
    layout = Layout(root, environment=environment)
    unseen: list[Unseen] = []
    spec, folder = project.look(layout, unseen)
    deployment = _deployment(layout, unseen)
    seen = site.look(deployment, spec, unseen) if deployment else None
    unknown = deployment is not None and seen is None
    runs = unknown or (seen is not None and seen.state in RUNS)
    return Looked(
        name=spec.name if spec else None,
        stage=deployment.position.partition("+")[0] if deployment else NOW,
        state=seen.state if seen else "unknown" if unknown else "stopped",
        machine=machine.look(layout, spec, runs=runs, port=_port(deployment), now=time.time()),
        project=folder,
        app=app.look(layout, spec, unseen),
        site=seen if runs or (seen and seen.interrupted) else None,
        database=_database(deployment, seen, unseen),
        unseen=tuple(unseen),
    )


def _database(
    deployment: Deployment | None, seen: SiteFacts | None, unseen: list[Unseen]
) -> DatabaseFacts | None:
    if deployment is None or seen is None:
        return None
    if seen.state not in RUNS:
        unseen.append(Unseen(RUNNING, "the site does not run", "tenfold up -d"))
        return None
    return database.look(deployment, seen.state, unseen)


def _root(start: Path) -> Path:
    """The project's folder; where there is no file yet, the folder itself."""
    here = start.resolve()
    if any((folder / SPEC_NAME).is_file() for folder in (here, *here.parents)) or not here.is_dir():
        return find_project(start)
    return here


def _deployment(layout: Layout, unseen: list[Unseen]) -> Deployment | None:
    if not layout.exists():
        unseen.append(
            Unseen(
                RUNNING,
                "it was never brought up",
                "tenfold up -d",
            )
        )
        return None
    try:
        return Deployment.open(layout)
    except TenfoldError as error:
        unseen.append(Unseen(RUNNING, error.what, error.next or ""))
        return None


def _port(deployment: Deployment | None) -> int | None:
    found = deployment.facts().get("port") if deployment else None
    return int(found) if found is not None else None
