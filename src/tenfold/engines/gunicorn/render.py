"""How a group of gunicorn workers runs."""

from __future__ import annotations

from tenfold.engines import app_server
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File, Launch


class Gunicorn:
    """The gunicorn of the app's own environment, started through :mod:`tenfold.runtime`."""

    name = "gunicorn"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """The settings file of one group."""
        return (app_server.settings_file(member, scene, workers=app_server.app(member).workers),)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The master's process: warm when all workers are, accepting when its agent says so."""
        return app_server.launch(member, scene)
