"""How a hypercorn worker runs."""

from __future__ import annotations

from tenfold.engines import app_server
from tenfold.engines.protocol import Scene
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File, Launch


class Hypercorn:
    """The hypercorn of the app's own environment, started through :mod:`tenfold.runtime`."""

    name = "hypercorn"

    def render(self, member: Unit | Pool, scene: Scene) -> tuple[File, ...]:
        """The settings file of one worker."""
        most = app_server.app(member).max_body_bytes
        return (app_server.settings_file(member, scene, workers=1, max_body_bytes=most),)

    def launch(self, member: Unit | Pool, scene: Scene) -> Launch:
        """The worker's process: warm when ready, accepting when its agent says so."""
        return app_server.launch(member, scene)
