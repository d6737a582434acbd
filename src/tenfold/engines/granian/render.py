"""How granian runs: it binds for itself and cannot pause, so it stands behind a door."""

from __future__ import annotations

import os
from dataclasses import replace

from tenfold.engines import app_server
from tenfold.engines.command.render import files_of
from tenfold.engines.protocol import ReleasePlace, Scene
from tenfold.runtime.package import PACKAGE
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File, Launch
from tenfold.topology.settings import AppSettings

TARGET = f"{PACKAGE}.runtime.granian_target:app"


class Granian:
    """The granian of the app's own environment, started by its command line."""

    name = "granian"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """The door's configuration and the settings file."""
        python = app_server.release_of(scene).python
        settings = app_server.app(member)
        # Each of its workers binds a socket of its own.
        return files_of(
            member,
            scene,
            command(python, settings),
            instances=1,
            keeps_connections=True,
            listeners=settings.workers,
        )

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The process that watches it: warm when it listens, accepting when its agent says so."""
        launch = app_server.launch(member, scene)
        told = launch_environment(app_server.app(member).entry, app_server.release_of(scene))
        return replace(launch, env={**launch.env, **told})


def command(python: str, settings: AppSettings) -> tuple[str, ...]:
    """granian's command line; its master starts workers again that have died."""
    return (
        python,
        *("-m", "granian"),
        *("--interface", settings.interface),
        *("--host", "{host}", "--port", "{port}"),
        *("--workers", str(settings.workers)),
        *(("--blocking-threads", str(settings.threads)) if settings.threads else ()),
        "--respawn-failed-workers",
        TARGET,
    )


def launch_environment(entry: str, release: ReleasePlace) -> dict[str, str]:
    """What lets granian find :data:`TARGET`, and that find the app."""
    paths = [p for p in (release.environment.get("PYTHONPATH"), release.runtime) if p]
    return {"TENFOLD_ENTRY": entry, "PYTHONPATH": os.pathsep.join(paths)}
