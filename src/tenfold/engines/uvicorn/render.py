"""How a uvicorn worker runs."""

from __future__ import annotations

from tenfold.engines import app_server
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File, Launch


class Uvicorn:
    """The uvicorn of the app's own environment, started through :mod:`tenfold.runtime`."""

    name = "uvicorn"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """The settings file of one worker."""
        return (app_server.settings_file(member, scene, workers=1),)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The worker's process: warm when ready, accepting when its agent says so."""
        return app_server.launch(member, scene)
